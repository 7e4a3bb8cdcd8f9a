"""What holds for every test: under SLUICE_REQUIRE=all, as in CI, a skipped test is a failed one.

What runs on processes and clocks of its own has a second go (docs/decisions/0018), what is pure has
none. The session's embedded AWS and brokers are there for all, started when first asked for; a
package whose stacks need a name for themselves has an embedded AWS of its own.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.brokers import kafka, pulsar
from tests.embedded_aws import aws

__all__ = ["aws", "kafka", "pulsar"]

ON_REAL_PARTS: Final = tuple(
    Path("tests", name)
    for name in ("conformance", "drills", "engine", "faults/stack", "integration")
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a test on real parts have a second go, which the summary tells of."""
    if config.option.usepdb:  # the first failure is what is looked for
        return
    for item in items:
        if any(config.rootpath / folder in item.path.parents for folder in ON_REAL_PARTS):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn a skip into a failure where every part must be at hand."""
    report = yield
    if report.skipped and os.environ.get("SLUICE_REQUIRE") == "all":
        report.outcome = "failed"
        report.longrepr = f"skipped although SLUICE_REQUIRE=all: {report.longrepr}"
    return report

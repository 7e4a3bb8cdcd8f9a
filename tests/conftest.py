"""What holds for every test: under SLUICE_REQUIRE=all, as in CI, a skipped test is a failed one.

The session's embedded AWS and brokers are there for all, started when first asked for; a package
whose stacks need a name for themselves has an embedded AWS of its own.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

from tests.brokers import kafka, pulsar
from tests.embedded_aws import aws

__all__ = ["aws", "kafka", "pulsar"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn a skip into a failure where every part must be at hand."""
    report = yield
    if report.skipped and os.environ.get("SLUICE_REQUIRE") == "all":
        report.outcome = "failed"
        report.longrepr = f"skipped although SLUICE_REQUIRE=all: {report.longrepr}"
    return report

"""What holds for every test: under SLUICE_REQUIRE=all, as in CI, a skipped test is a failed one."""

import os
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn a skip into a failure where every part must be at hand."""
    report = yield
    if report.skipped and os.environ.get("SLUICE_REQUIRE") == "all":
        report.outcome = "failed"
        report.longrepr = f"skipped although SLUICE_REQUIRE=all: {report.longrepr}"
    return report

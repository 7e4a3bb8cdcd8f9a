"""Processes that work until SIGTERM, as tests run them: in a process of their own, or in this."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

__all__ = ["ended", "own_signals"]


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Leave this process's own handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    level = logging.getLogger("botocore").level
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    logging.getLogger("botocore").setLevel(level)


def ended(module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a module that is told these variables alone of ours, to its end."""
    kept = {name: value for name, value in os.environ.items() if "SLUICE" not in name}
    return subprocess.run(
        [sys.executable, "-m", module],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

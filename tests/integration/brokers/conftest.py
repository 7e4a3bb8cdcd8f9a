"""The session's brokers, and brokers of a test's own that it may stop and kill."""

import time
from collections.abc import Callable

import pytest

from tests.brokers import kafka, pulsar

__all__ = ["kafka", "pulsar"]

WAIT_SECONDS_MAX = 30.0


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    """Wait until something is so, for a bounded time."""

    def wait(look: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not look():
            assert time.monotonic() < deadline, f"{what}: not after {WAIT_SECONDS_MAX} s"
            time.sleep(0.05)

    return wait

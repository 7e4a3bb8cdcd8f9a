"""How a worker's process ends: by its exit code, and one line that says why."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.consumer import __main__ as process
from pipeline.errors import BrokenInvariant, OperatingError, SluiceError


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Leave this process's own handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    level = logging.getLogger("botocore").level
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    logging.getLogger("botocore").setLevel(level)


def test_a_worker_that_is_told_nothing_says_what_it_lacks_in_one_line() -> None:
    variables = {name: value for name, value in os.environ.items() if "SLUICE" not in name}
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.consumer"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "SLUICE_CONNECTION: Field required" in ended.stderr


@pytest.mark.parametrize(
    "error", [BrokenInvariant("the bytes are others"), OperatingError("no region")]
)
def test_what_ends_a_worker_is_its_last_line(
    error: SluiceError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: object) -> None:
        raise error

    monkeypatch.setattr(process, "work", work)

    assert process.main() == 1
    assert caplog.messages == [f"stopped: {error}"]


def test_a_signal_ends_the_work_in_good_order(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(stop: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()  # type: ignore[attr-defined]

    monkeypatch.setattr(process, "work", work)
    caplog.set_level(logging.INFO, logger="sluice.worker")

    assert process.main() == 0
    assert caplog.messages == ["left in good order"]

"""How a worker's process ends: by its exit code, and one line that says why."""

import logging
import os
import signal

import pytest

from pipeline.consumer import __main__ as process
from pipeline.errors import BrokenInvariant, OperatingError, SluiceError
from pipeline.long_running import Stop
from tests.unit.processes import ended, own_signals

__all__ = ["own_signals"]


def test_a_worker_that_is_told_nothing_says_what_it_lacks_in_one_line() -> None:
    done = ended("pipeline.consumer")

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "SLUICE_CONNECTION: Field required" in done.stderr


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
    def work(stop: Stop) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
        assert stop.told_ms is not None

    monkeypatch.setattr(process, "work", work)
    caplog.set_level(logging.INFO, logger="sluice.worker")

    assert process.main() == 0
    assert caplog.messages == ["left in good order"]

"""How a watcher's process ends: by its exit code, and one line that says why."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import names
from pipeline.errors import BrokenInvariant
from pipeline.watcher import __main__ as process
from tests.unit.watcher.test_settings import LEAST

AWS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Leave this process's own handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    level = logging.getLogger("botocore").level
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    logging.getLogger("botocore").setLevel(level)


def ended(**variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "SLUICE" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.watcher"],
        env={**kept, **AWS, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_watcher_that_is_told_nothing_says_what_it_lacks_in_one_line() -> None:
    done = ended()
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "SLUICE_CONNECTION: Field required" in done.stderr


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ({"kind": "kinesis", "stream": "s"}, "a Kinesis stream has its probe"),
        (
            {
                "kind": "pulsar",
                "service_url": "pulsar://127.0.0.1:1",
                "topic": "persistent://a/b/c",
                "token_file": "/nowhere/token",
            },
            "/nowhere/token is not a file",
        ),
    ],
)
def test_a_connection_that_never_works_is_one_line(connection: dict[str, str], says: str) -> None:
    done = ended(**{**LEAST, names.ENV_CONNECTION: json.dumps(connection)})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    done = ended(**{**LEAST, names.ENV_WORKER_HTTP_HOST: "192.0.2.1"})
    assert done.returncode == 2
    assert "cannot listen on 192.0.2.1:8080" in done.stderr


def test_a_defect_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: object) -> None:
        raise BrokenInvariant("the bytes are others")

    monkeypatch.setattr(process, "work", work)
    assert process.main() == 1
    assert caplog.messages == ["stopped: the bytes are others"]


def test_a_signal_ends_it_in_good_order(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(stop: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()  # type: ignore[attr-defined]

    monkeypatch.setattr(process, "work", work)
    caplog.set_level(logging.INFO, logger="sluice.watcher")
    assert process.main() == 0
    assert caplog.messages == ["left in good order"]

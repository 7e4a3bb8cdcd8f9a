"""How a watcher's process ends: by its exit code, and one line that says why."""

import json
import logging
import os
import signal
import urllib.error
import urllib.request

import pytest

from pipeline import names
from pipeline.consumer.endpoint import Endpoint
from pipeline.consumer.health import Health
from pipeline.errors import BrokenInvariant
from pipeline.watcher import __main__ as process
from tests.unit.processes import ended, own_signals
from tests.unit.watcher.test_settings import LEAST

__all__ = ["own_signals"]

AWS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


def test_a_watcher_that_is_told_nothing_says_what_it_lacks_in_one_line() -> None:
    done = ended("pipeline.watcher", **AWS)
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
    done = ended(
        "pipeline.watcher", **{**AWS, **LEAST, names.ENV_CONNECTION: json.dumps(connection)}
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def test_an_address_that_is_not_ours_is_one_line() -> None:
    done = ended("pipeline.watcher", **{**AWS, **LEAST, names.ENV_WORKER_HTTP_HOST: "192.0.2.1"})
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


def test_health_is_served_and_no_metrics_that_it_has_not() -> None:
    health = Health(healthy=False, document={"healthy": False})
    endpoint = Endpoint("127.0.0.1", 0, health=lambda: health)
    try:
        for path, status, body in (
            ("health", 503, b'{"healthy": false}'),
            ("metrics", 404, b"see /health\n"),
        ):
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}/{path}", timeout=60)
            with raised.value as answer:
                assert (answer.code, answer.read()) == (status, body)
    finally:
        endpoint.close()

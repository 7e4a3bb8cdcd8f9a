"""The probe speaks of the lake while the processor is idle, late or dead, and half of AWS away."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import functions
from pipeline.canary import canary, newest_canary_ms
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError
from pipeline.sinks.s3 import S3Store
from pipeline.worker import Worker
from tests.unit.pipeline.conftest import MINUTE_MS, Aws, departure, emitted, put, said

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def probe() -> dict[str, Any]:
    return functions.probe_freshness(lambda: MINUTE_MS)


def take(event: dict[str, Any]) -> None:
    functions.process_stream(event, lambda: MINUTE_MS)


def later(monkeypatch: Patch, *, ms: int) -> None:
    """Let the function's clock be ahead of what has happened so far."""
    process = functions._process()
    object.__setattr__(process.environment, "clock_ms", lambda: wall_clock_ms() + ms)
    monkeypatch.setattr(process.worker, "_clock_ms", lambda: wall_clock_ms() + ms)


def test_an_idle_stream_has_no_oldest_event(function: Aws, capsys: Capture) -> None:
    assert probe()["OldestEventAge"] == 0
    (line,) = emitted(capsys)
    assert (line["OldestEventAge"], line["Stream"], line["waiting"]) == (0, function.name, [])


def test_what_nobody_takes_grows_old(function: Aws, monkeypatch: Patch) -> None:
    put(function, departure(1))
    later(monkeypatch, ms=90_000)
    found = probe()
    assert 90_000 <= found["OldestEventAge"] < 120_000
    assert len(found["waiting"]) == 1


def test_what_is_committed_and_not_visible_grows_old_too(function: Aws, monkeypatch: Patch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperatingError("the lake is away")

    event = put(function, departure(1))
    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put_final", away)
        with pytest.raises(OperatingError):
            take(event)
    later(monkeypatch, ms=90_000)
    assert 90_000 <= probe()["OldestEventAge"] < 120_000


def test_a_canary_goes_the_way_of_every_event_and_is_found_again(
    function: Aws, capsys: Capture
) -> None:
    first = probe()
    assert "CanaryAge" not in first
    take(put(function))
    capsys.readouterr()
    second = probe()
    assert second["CanaryFound"] == 1
    assert 0 <= second["CanaryAge"] < MINUTE_MS
    assert second["canary"] != first["canary"]
    (line,) = [line for line in emitted(capsys) if "CanaryAge" in line]
    assert line["CanaryFound"] == 1


def test_an_old_canary_has_an_age_and_is_not_found(function: Aws, monkeypatch: Patch) -> None:
    probe()
    take(put(function))
    later(monkeypatch, ms=151_000)
    found = probe()
    assert found["CanaryAge"] > 150_000
    assert "CanaryFound" not in found


def test_a_canary_that_is_sent_twice_is_stored_once(function: Aws) -> None:
    event_id, data = canary(wall_clock_ms())
    take(put(function, data, data))
    (key,) = function.lake()
    assert key.startswith("lake/canaries/dt=")
    assert json.loads(data)["id"] == event_id


def test_no_figure_about_events_counts_canaries(function: Aws, capsys: Capture) -> None:
    probe()
    capsys.readouterr()
    take(put(function, departure(1)))
    counted = said(capsys)
    assert (counted["EventsReceived"], counted["EventsStored"], counted["RecordsTaken"]) == (
        1,
        1,
        1,
    )
    assert counted["FilesPublished"] == 1
    assert len(function.lake()) == 2
    assert len(counted["ArrivalToQueryable"]) == 2


def test_the_age_is_said_while_the_lake_is_away(function: Aws, capsys: Capture) -> None:
    put(function, departure(1))
    function.s3.delete_bucket(Bucket=function.name)
    with pytest.raises(OperatingError, match="cannot look for canaries"):
        probe()
    (line,) = emitted(capsys)
    assert line["OldestEventAge"] >= 0


def test_a_canary_is_sent_while_the_ledger_is_away(
    function: Aws, monkeypatch: Patch, capsys: Capture
) -> None:
    def away(_: object) -> None:
        raise OperatingError("the ledger is away")

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "pending", away)
        with pytest.raises(OperatingError, match="the ledger is away"):
            probe()
    take(put(function))
    assert function.lake()


def test_canaries_are_looked_for_over_the_turn_of_an_hour(function: Aws) -> None:
    sent_ms = wall_clock_ms()
    take(put(function, canary(sent_ms)[1]))
    at = datetime.fromtimestamp(sent_ms / 1_000, UTC)
    next_hour = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for now, wanted in ((next_hour, sent_ms), (next_hour + timedelta(hours=1), None)):
        now_ms = int(now.timestamp() * 1_000)
        assert newest_canary_ms(function.s3, function.name, now_ms=now_ms) == wanted


def test_a_stream_that_takes_no_canary_is_named(function: Aws) -> None:
    functions._process()
    function.kinesis.delete_stream(StreamName=function.name)
    with pytest.raises(OperatingError, match="shards of sluice-unit") as raised:
        probe()
    assert isinstance(raised.value.__cause__, ClientError)

"""What a run of takes says in metrics: all that it published, even when it raises, and no more."""

from typing import Any

import pytest

from pipeline import functions
from pipeline.errors import OperatingError, Refused
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.meter import Meter
from pipeline.sinks.s3 import S3Store
from tests.unit.pipeline.conftest import MINUTE_MS, Aws, departure, emitted, put, said

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def take(event: dict[str, Any]) -> None:
    functions.process_stream(event, lambda: MINUTE_MS)


def test_each_reason_of_quarantine_is_a_metric_of_its_own(function: Aws, capsys: Capture) -> None:
    take(put(function, departure(1), departure(2, flight="x"), b"{", departure(3, flight="y")))
    lines = emitted(capsys)
    by_reason = {line["Reason"]: line["EventsQuarantined"] for line in lines if "Reason" in line}
    assert by_reason == {"wrong-type": 2, "not-an-object": 1}
    (whole,) = [line for line in lines if "EventsReceived" in line]
    assert whole["EventsQuarantined"] == sum(by_reason.values())


def test_files_bytes_and_the_time_from_arrival_are_those_of_the_lake(
    function: Aws, capsys: Capture
) -> None:
    take(put(function, departure(1), departure(2)))
    counted = said(capsys)
    listed = function.s3.list_objects_v2(Bucket=function.name, Prefix="lake/")["Contents"]
    assert counted["FilesPublished"] == len(listed) == 1
    assert counted["BytesPublished"] == sum(each["Size"] for each in listed)
    assert len(counted["ArrivalToQueryable"]) == 2
    assert all(0 <= age_ms < MINUTE_MS for age_ms in counted["ArrivalToQueryable"])


def test_departures_are_measured_by_airport(function: Aws, capsys: Capture) -> None:
    flown = {"JFK": (30, 10), "EWR": (-5,), "XNA": (1,)}
    bodies = [
        departure(number, origin=airport, departure_delay_minutes=delay)
        for number, (airport, delay) in enumerate(
            (airport, delay) for airport, delays in flown.items() for delay in delays
        )
    ]
    take(put(function, *bodies, departure(9, departure_delay_minutes=None)))
    lines = emitted(capsys)
    by_airport = {line["Airport"]: line["DepartureDelay"] for line in lines if "Airport" in line}
    assert by_airport == {"JFK": [1_200], "EWR": [-300], "other": [60]}
    (whole,) = [line for line in lines if "DepartureToQueryable" in line]
    assert whole["DepartureDelay"] == [540]
    assert len(whole["DepartureToQueryable"]) == 5


def test_a_batch_that_comes_again_is_measured_once(function: Aws, capsys: Capture) -> None:
    event = put(function, departure(1))
    take(event)
    capsys.readouterr()
    take(event)
    lines = emitted(capsys)
    assert not [line for line in lines if "DepartureDelay" in line or "Reason" in line]
    (whole,) = lines
    assert (whole["FilesPublished"], whole["EventsStored"]) == (0, 0)
    assert "ArrivalToQueryable" not in whole


def test_the_first_run_of_a_process_is_a_cold_start(function: Aws, capsys: Capture) -> None:
    event = put(function, departure(1))
    starts = []
    for _ in range(3):
        take(event)
        starts.append(said(capsys)["ColdStarts"])
    assert starts == [1, 0, 0]


def test_a_lost_fence_is_a_conflict_and_still_raised(
    function: Aws, capsys: Capture, monkeypatch: Patch
) -> None:
    real = DynamoLedger.commit

    def fenced_off(self: Any, commit: Any, advance: Any, /) -> None:
        head = self.read_head(commit.shard)
        function.dynamodb.update_item(
            TableName=function.name,
            Key={"pk": {"S": f"shard#{head.shard}"}, "sk": {"S": "head"}},
            UpdateExpression="SET fence = :other",
            ExpressionAttributeValues={":other": {"S": "another attempt"}},
        )
        real(self, commit, advance)

    monkeypatch.setattr(DynamoLedger, "commit", fenced_off)
    with pytest.raises(Refused, match="the fence is lost"):
        take(put(function, departure(1)))
    counted = said(capsys)
    assert (counted["CommitConflicts"], counted["EventsStored"]) == (1, 0)
    assert counted["BatchDuration"] >= 0


def test_a_commit_counts_when_it_is_published_by_whoever_does(
    function: Aws, capsys: Capture, monkeypatch: Patch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperatingError("the lake is away")

    event = put(function, departure(1))
    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put_final", away)
        with pytest.raises(OperatingError, match="away"):
            take(event)
    assert said(capsys)["EventsStored"] == 0
    take(event)
    counted = said(capsys)
    assert (counted["EventsStored"], counted["FilesPublished"]) == (1, 1)
    assert len(counted["ArrivalToQueryable"]) == 1


def test_a_take_that_raises_reports_what_it_had_published(
    function: Aws, capsys: Capture, monkeypatch: Patch
) -> None:
    put(function, departure(1))
    event = put(function, departure(2))
    first = {"Records": event["Records"][:1]}
    real = DynamoLedger.mark_published

    def published_then_away(self: Any, *args: Any, **rest: Any) -> None:
        real(self, *args, **rest)
        raise OperatingError("the ledger is away")

    monkeypatch.setattr(DynamoLedger, "mark_published", published_then_away)
    with pytest.raises(OperatingError, match="away"):
        take(first)
    counted = said(capsys)
    assert (counted["EventsStored"], counted["CommitConflicts"]) == (1, 0)


def test_a_meter_ignores_effects_that_publish_nothing() -> None:
    from pipeline.ledger.effects import Now

    meter = Meter()
    meter.saw(Now(), 1)
    assert (meter.counts.received, meter.files, meter.ages_ms) == (0, 0, [])

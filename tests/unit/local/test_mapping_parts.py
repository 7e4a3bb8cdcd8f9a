"""The parts around a mapping's rules: event, settings, checkpoints, age, on-failure record."""

import base64
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.event_source_mapping import event, on_failure
from infra.local.event_source_mapping.checkpoints import Checkpoints
from infra.local.event_source_mapping.metrics import Observed
from infra.local.event_source_mapping.rules import Batch, Condition, Record
from infra.local.event_source_mapping.settings import Mapping, Settings, Start, from_api
from pipeline.errors import UserError
from tests.local_aws import aws_rule

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
DESCRIBED = {"UUID": "u", "EventSourceArn": STREAM, "FunctionArn": FUNCTION}
SOURCE = event.Source(
    stream_arn=STREAM, shard_id="shardId-000000000000", region="us-east-1", role_arn="arn:role"
)


def mapping(**described: Any) -> Mapping:
    return from_api({**DESCRIBED, "StartingPosition": "TRIM_HORIZON", **described})


@given(data=st.binary(max_size=200), key=st.text(min_size=1, max_size=50))
def test_any_data_and_key_arrive_in_the_event_as_they_were_put(data: bytes, key: str) -> None:
    arrived = datetime(2026, 11, 24, 12, 0, 0, 125_000, tzinfo=UTC)
    read = {
        "SequenceNumber": "49" + "0" * 54,
        "ApproximateArrivalTimestamp": arrived,
        "Data": data,
        "PartitionKey": key,
    }
    record = event.record(SOURCE, read)
    body = json.loads(record.body)
    assert base64.b64decode(body["kinesis"]["data"]) == data
    assert body["kinesis"]["partitionKey"] == key
    assert body["kinesis"]["approximateArrivalTimestamp"] == arrived.timestamp() == record.arrival
    assert body["eventID"] == f"shardId-000000000000:{record.sequence}"


def test_a_mapping_that_says_nothing_has_awss_defaults() -> None:
    assert mapping().settings == Settings(
        batch_size=100,
        window_seconds=0,
        age_seconds_max=math.inf,
        retries_max=-1,
        bisect=False,
        partial_responses=False,
    )


def test_every_setting_moves_what_it_names_and_nothing_else() -> None:
    asked = {
        "batch_size": {"BatchSize": 7},
        "window_seconds": {"MaximumBatchingWindowInSeconds": 7},
        "age_seconds_max": {"MaximumRecordAgeInSeconds": 70},
        "retries_max": {"MaximumRetryAttempts": 7},
        "bisect": {"BisectBatchOnFunctionError": True},
        "partial_responses": {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
    }
    plain = mapping().settings
    for name, described in asked.items():
        changed = mapping(**described).settings
        moved = [
            field
            for field in Settings.__dataclass_fields__
            if getattr(plain, field) != getattr(changed, field)
        ]
        assert moved == [name]


def test_records_expire_with_the_stream_whatever_their_age_limit() -> None:
    day = 86_400.0
    unlimited = from_api({**DESCRIBED, "MaximumRecordAgeInSeconds": -1}, retention_seconds=day)
    assert unlimited.settings.age_seconds_max == day
    longer = from_api({**DESCRIBED, "MaximumRecordAgeInSeconds": 604_800}, retention_seconds=day)
    assert longer.settings.age_seconds_max == day


@aws_rule(
    page="Lambda developer guide, Lambda parameters for Amazon Kinesis Data Streams",
    says="filters, tumbling windows and parallelization factors above 1",
    alone="accepted and passed over",
    here="refused, with a sentence",
)
@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"ParallelizationFactor": 2}, "parallelization factor"),
        ({"TumblingWindowInSeconds": 10}, "tumbling windows"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "filter criteria"),
    ],
)
def test_a_mapping_that_asks_for_what_is_not_done_is_refused(
    described: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        mapping(**described)


def test_a_function_behind_an_alias_is_measured_under_its_own_name() -> None:
    assert mapping().function_name == "f"


def test_checkpoints_are_found_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    before = Checkpoints(path)
    before.start(mapping(), now=0.0)
    before.advance("u", "a", 10**55)
    before.finish("u", "b")
    before.flush()
    after = Checkpoints(path)
    assert after.delivered("u", "a") == 10**55
    assert after.delivered("u", "c") is None
    assert after.finished("u") == {"b"}


@pytest.mark.parametrize(
    ("start", "start_at", "expected"),
    [
        (Start.TRIM_HORIZON, None, None),
        (Start.LATEST, None, 100.0),
        (Start.AT_TIMESTAMP, 55.5, 55.5),
    ],
)
def test_where_a_mapping_starts_is_fixed_when_it_is_first_seen(
    tmp_path: Path, start: Start, start_at: float | None, expected: float | None
) -> None:
    started = mapping(StartingPosition=start.value, StartingPositionTimestamp=start_at)
    checkpoints = Checkpoints(tmp_path / "c")
    assert checkpoints.start(started, now=100.0) == expected
    checkpoints.flush()
    assert Checkpoints(tmp_path / "c").start(started, now=200.0) == expected


def test_a_deleted_mapping_is_forgotten(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    checkpoints.start(mapping(StartingPosition="LATEST"), now=1.0)
    checkpoints.keep_only(set())
    assert checkpoints.start(mapping(StartingPosition="LATEST"), now=2.0) == 2.0


@aws_rule(
    page="Lambda developer guide, Types of metrics for Lambda functions",
    says="`IteratorAge` is the age of the last record of each batch sent",
    alone="not published",
)
def test_a_period_publishes_its_highest_age_of_each_function_once() -> None:
    published: list[Any] = []
    cloudwatch = SimpleNamespace(put_metric_data=lambda **data: published.append(data))
    observed = Observed()
    for name, age_ms in (("f", 10.0), ("f", 30.0), ("f", 20.0), ("g", 5.0)):
        observed.sent(name, age_ms=age_ms)
    observed.publish(cloudwatch, at=1_800_000_000.0)
    observed.publish(cloudwatch, at=1_800_000_060.0)
    data = [datum for call in published for datum in call["MetricData"]]
    assert [(datum["Dimensions"][0]["Value"], datum["Value"]) for datum in data] == [
        ("f", 30.0),
        ("g", 5.0),
    ]
    assert {call["Namespace"] for call in published} == {"AWS/Lambda"}


@aws_rule(
    page="Lambda developer guide, Types of metrics for event source mappings",
    says="`OnFailureDestinationDeliveredEventCount` counts what reached the on-failure destination,"
    " `DroppedEventCount` what was given up without one",
    alone="not published",
)
def test_a_period_publishes_what_each_mapping_gave_up() -> None:
    published: list[Any] = []
    cloudwatch = SimpleNamespace(put_metric_data=lambda **data: published.append(data))
    observed = Observed()
    for records, delivered in ((3, True), (2, True), (1, False)):
        observed.gave_up("u", records=records, delivered=delivered)
    observed.publish(cloudwatch, at=1_800_000_000.0)
    observed.publish(cloudwatch, at=1_800_000_060.0)
    data = [datum for call in published for datum in call["MetricData"]]
    assert {(datum["MetricName"], datum["Value"]) for datum in data} == {
        ("OnFailureDestinationDeliveredEventCount", 5),
        ("DroppedEventCount", 1),
    }
    assert {datum["Dimensions"][0]["Value"] for datum in data} == {"u"}


def test_records_given_up_for_their_age_say_so_and_that_nobody_was_invoked() -> None:
    batch = Batch(records=(Record(sequence=7, arrival=1_800_000_000.125, body=b"{}"),))
    given_up = on_failure.GivenUp(
        mapping=mapping(),
        shard_id="shardId-000000000000",
        batch=batch,
        condition=Condition.AGE,
        at=1_800_000_100.5,
    )
    record = on_failure.metadata(given_up)
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["timestamp"] == "2027-01-15T08:01:40.500Z"
    arrival = record["KinesisBatchInfo"]["approximateArrivalOfFirstRecord"]
    assert arrival == "2027-01-15T08:00:00.125Z"
    assert on_failure.object_key(given_up).startswith(
        "aws/lambda/u/shardId-000000000000/2027/01/15/2027-01-15T08.01.40-"
    )

"""AWS in this process: a ledger table, a lake bucket and a stream of one shard."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline import functions, names
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import function_environment, wall_clock_ms

REGION = "us-east-1"
NAME = "sluice-unit"
MINUTE_MS = 60_000
VARIABLES = {
    names.ENV_STREAM: NAME,
    names.ENV_LEDGER_TABLE: NAME,
    names.ENV_LAKE_BUCKET: NAME,
    names.ENV_WINDOW_SECONDS: "300",
    names.ENV_RUN_SECONDS_MAX: "60",
    names.ENV_METRICS_NAMESPACE: names.METRICS_NAMESPACE,
}
KEYS = (("pk", "HASH"), ("sk", "RANGE"))


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The services that a function uses."""

    dynamodb: Any
    s3: Any
    kinesis: Any
    name: str = NAME

    def lake(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=NAME, Prefix=names.LAKE_PREFIX)
        return [entry["Key"] for entry in found.get("Contents", [])]


@pytest.fixture
def variables() -> dict[str, str]:
    """The environment of a function that is deployed as it should be."""
    return dict(VARIABLES)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        made = {
            service: boto3.client(service, region_name=REGION)
            for service in ("dynamodb", "s3", "kinesis")
        }
        made["dynamodb"].create_table(
            TableName=NAME,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in KEYS],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in KEYS],
            BillingMode="PAY_PER_REQUEST",
        )
        made["s3"].create_bucket(Bucket=NAME)
        made["kinesis"].create_stream(StreamName=NAME, ShardCount=1)
        yield Aws(**made)


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    """Start each test as a new process would, and leave none of its clients behind."""
    for cached in (function_environment, functions._process):
        cached.cache_clear()
    yield
    for cached in (function_environment, functions._process):
        cached.cache_clear()


@pytest.fixture
def function(aws: Aws, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return aws


def departure(number: int, **changes: Any) -> bytes:
    event = json.loads(KNOWN_GOOD.data)
    now = {"event_time": wall_clock_ms(), "id": f"d{number}", "sequence": number}
    return json.dumps(event | now | changes).encode()


def put(aws: Aws, *bodies: bytes) -> dict[str, Any]:
    """Put records, and return the event in which a mapping would deliver all of the stream."""
    for body in bodies:
        aws.kinesis.put_record(StreamName=aws.name, Data=body, PartitionKey="k")
    shard = aws.kinesis.list_shards(StreamName=aws.name)["Shards"][0]["ShardId"]
    iterator = aws.kinesis.get_shard_iterator(
        StreamName=aws.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = aws.kinesis.get_records(ShardIterator=iterator)["Records"]
    return {
        "Records": [
            {
                "eventID": f"{shard}:{record['SequenceNumber']}",
                "kinesis": {
                    "sequenceNumber": record["SequenceNumber"],
                    "partitionKey": record["PartitionKey"],
                    "approximateArrivalTimestamp": record[
                        "ApproximateArrivalTimestamp"
                    ].timestamp(),
                    "data": base64.b64encode(record["Data"]).decode(),
                },
            }
            for record in records
        ]
    }


def emitted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return every line of metrics that was written since it was asked last."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the one line of takes that was written for the stream as a whole."""
    (found,) = [line for line in emitted(capsys) if "EventsReceived" in line]
    return found

"""AWS in this process: a ledger table, a lake bucket and a stream of one shard."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline import names

REGION = "us-east-1"
NAME = "sluice-unit"
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

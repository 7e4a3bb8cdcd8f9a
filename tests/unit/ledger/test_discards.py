"""On-failure objects as they are read back: a batch by its positions, or trouble by its key."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.discards import Discards

BUCKET, SHARD = "lake", ShardId("shardId-0")
KEY = f"aws/lambda/mapping/{SHARD}/2026/11/18/object"
RECORD = {
    "sequenceNumber": "7",
    "partitionKey": "k",
    "approximateArrivalTimestamp": 1_790_000_000.5,
    "data": base64.b64encode(b"bytes").decode(),
}
WHOLE = json.dumps({"payload": json.dumps({"Records": [{"kinesis": RECORD}]})}).encode()


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_a_batch_is_found_between_the_positions_about_it(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=WHOLE)
    discards = Discards(s3, BUCKET)
    ((record,),) = discards.between(SHARD, after=Position(6), before=Position(8))
    assert (record.position, record.data) == (7, b"bytes")
    assert discards.between(SHARD, after=Position(7), before=Position(9)) == ()


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"payload":"{}"}', WHOLE[:-9]])
def test_an_object_that_cannot_be_understood_is_told_by_its_key(s3: Any, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)
    with pytest.raises(OperatingError, match=f"{KEY}.*{SHARD}") as trouble:
        Discards(s3, BUCKET).between(SHARD, after=None, before=Position(9))
    assert not trouble.value.retryable

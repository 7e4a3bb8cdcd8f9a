"""Calls that try once, so that a test sees each answer of the local AWS."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

THROTTLED = "ProvisionedThroughputExceededException"


def once(lab: Any, service: str) -> Any:
    """Return a client without retries."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=lab.aws.endpoint,
        region_name=lab.aws.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    response = refused.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def records(count: int, data: bytes = b"x") -> list[dict[str, Any]]:
    """Return entries of PutRecords, each under its number as the key."""
    return [{"Data": data, "PartitionKey": str(number)} for number in range(count)]


def read_all(lab: Any, name: str) -> list[str]:
    """Return the partition keys of all records of a stream, shard by shard."""
    kinesis, found = once(lab, "kinesis"), []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator)
            found += [record["PartitionKey"] for record in answer["Records"]]
            iterator = answer["Records"] and answer.get("NextShardIterator")
    return found

"""A real local AWS with a stream, read back event by event."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
import pytest

from infra.local.supervisor import LocalAws
from pipeline.core.aggregate import deaggregate
from pipeline.core.payload import decompress
from tests.embedded_aws import where


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream of the local AWS; `where` is what a boto3 client needs to reach it."""

    name: str
    where: dict[str, str]
    kinesis: Any

    def split_first_shard(self) -> None:
        shard = self.kinesis.list_shards(StreamName=self.name)["Shards"][0]
        bounds = [int(key) for key in shard["HashKeyRange"].values()]
        self.kinesis.split_shard(
            StreamName=self.name,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str(sum(bounds) // 2),
        )

    def lines(self) -> dict[str, list[bytes]]:
        """Return the events of each shard, in the order of their records."""
        shards = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        return {shard["ShardId"]: list(self._read(shard["ShardId"])) for shard in shards}

    def _read(self, shard: str) -> Iterator[bytes]:
        iterator = self.kinesis.get_shard_iterator(
            StreamName=self.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = self.kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            for record in page["Records"]:
                for inner in deaggregate(record["Data"], record["PartitionKey"]):
                    yield from decompress(inner.payload, bytes_max=1 << 24).split(b"\n")
            if not page["Records"] and not page["MillisBehindLatest"]:
                return
            iterator = page.get("NextShardIterator")


@pytest.fixture
def stream(aws: LocalAws) -> Iterator[Stream]:
    kinesis = boto3.session.Session().client("kinesis", **where(aws))  # type: ignore[call-overload]
    name = f"stream-{uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    yield Stream(name=name, where=where(aws), kinesis=kinesis)
    kinesis.delete_stream(StreamName=name)
    kinesis.close()

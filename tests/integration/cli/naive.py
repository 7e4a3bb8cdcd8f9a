"""Somebody else's pipeline: a stream of orders, and a consumer as widely copied samples have it."""

import gzip
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.aggregate import UserRecord, aggregate, deaggregate
from pipeline.core.payload import compress, decompress
from tests.waiting import until

FILE_ROWS = 10
Rows = list[dict[str, Any]]


class Broken(Exception):
    """The consumer died in the middle of a batch."""


@dataclass(kw_only=True)
class Naive:
    """What a widely copied sample does with a batch, and what the test knows of the outcome.

    Files are named by uuid and partitioned by the wall clock, a record that does not parse is
    logged and dropped whole, a price is kept as a 32-bit number, and a batch that failed is handed
    over again from its start.
    """

    write: Callable[[str, Rows], None]
    written: Rows = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)

    def consume(self, batch: Sequence[dict[str, Any]], *, dies_after_files: int = -1) -> None:
        rows = iter([row for record in batch for row in self._parsed(record["Data"])])
        files = 0
        while chunk := list(islice(rows, FILE_ROWS)):
            if files == dies_after_files:
                raise Broken
            hour = time.strftime("dt=%Y-%m-%d/hour=%H", time.gmtime())
            self.write(f"{hour}/{uuid.uuid4()}", chunk)
            self.written += chunk
            files += 1

    def consume_with_retry(self, batch: Sequence[dict[str, Any]], *, dies_after_files: int) -> None:
        try:
            self.consume(batch, dies_after_files=dies_after_files)
        except Broken:
            self.consume(batch)

    def _parsed(self, data: bytes) -> Rows:
        lines = [
            line
            for each in deaggregate(data, "")
            for line in decompress(each.payload, bytes_max=1_000_000).splitlines()
        ]
        rows: Rows = []
        for line in lines:
            try:
                rows.append(json.loads(line))
            except ValueError:
                self.dropped |= {row["id"] for row in map(_readable, lines) if row}
                return []
        return rows

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.written]

    @property
    def duplicated(self) -> set[str]:
        return {each for each in self.ids if self.ids.count(each) > 1}


def _readable(line: bytes) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return row


@dataclass(kw_only=True)
class Place:
    """An embedded AWS with a bucket, and no stack of Sluice's on it."""

    endpoint: str
    region: str
    kinesis: Any
    s3: Any
    made: int = 0

    def stream(self, name: str, *, shards: int = 1) -> "Stream":
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        return Stream(place=self, name=name)

    def put_parquet(self, prefix: str) -> Callable[[str, Rows], None]:
        def write(name: str, rows: Rows) -> None:
            body = pa.BufferOutputStream()
            table = pa.Table.from_pylist(rows)
            price = table.schema.get_field_index("price")
            table = table.set_column(price, "price", table["price"].cast(pa.float32()))
            pq.write_table(table, body)
            key = f"{prefix}/{name}.parquet"
            self.s3.put_object(Bucket="theirs", Key=key, Body=body.getvalue().to_pybytes())

        return write


@dataclass(kw_only=True)
class Stream:
    """A stream of somebody else's orders."""

    place: Place
    name: str
    sent: Rows = field(default_factory=list)

    def orders(self, count: int) -> Rows:
        rows = [
            {"id": f"{self.name}-{len(self.sent) + n}", "customer": f"c{n % 7}", "price": n / 4}
            for n in range(count)
        ]
        self.sent += rows
        return rows

    def put(self, data: bytes, key: str = "k") -> None:
        self.place.kinesis.put_record(StreamName=self.name, PartitionKey=key, Data=data)

    def put_plain(self, count: int) -> None:
        for row in self.orders(count):
            self.put(json.dumps(row).encode(), row["customer"])

    def put_lines(self, count: int) -> None:
        lines = "\n".join(json.dumps(row) for row in self.orders(count)).encode()
        self.put(gzip.compress(lines))

    def put_aggregate(self, count: int) -> None:
        half = count // 2
        payloads = [
            compress("\n".join(json.dumps(row) for row in self.orders(n)).encode())
            for n in (half, count - half)
        ]
        self.put(aggregate(UserRecord(partition_key="k", payload=each) for each in payloads))

    def records(self) -> list[dict[str, Any]]:
        """Return all that every shard holds, closed ones first."""
        found: list[dict[str, Any]] = []
        for shard in self.place.kinesis.list_shards(StreamName=self.name)["Shards"]:
            iterator = self.place.kinesis.get_shard_iterator(
                StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator is not None:
                answer = self.place.kinesis.get_records(ShardIterator=iterator)
                found += answer["Records"]
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
        return found

    def words(self, lake: str) -> tuple[str, ...]:
        where = ("--endpoint", self.place.endpoint, "--region", self.place.region)
        return ("verify", "--stream", self.name, "--lake", lake, "--id", "id", *where)


def open_shards(place: Place, stream: str, count: int) -> None:
    """Wait until a stream has so many open shards."""

    def opened() -> bool:
        summary = place.kinesis.describe_stream_summary(StreamName=stream)
        return bool(summary["StreamDescriptionSummary"]["OpenShardCount"] == count)

    until(opened)

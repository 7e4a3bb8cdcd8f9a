"""The read side of a Kinesis stream: a function's event, records by position, lineage, discards."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardInfo, Slice
from pipeline.sources.discards import Discards

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, RecordTypeDef

READ_BYTES_MAX: Final = 6 * 1024 * 1024
"""Bytes that one gap read may return: as many as a mapping would hand over."""

EMPTY_READS_MAX: Final = 40
"""Empty answers in a row before a read gives up: each moves a time slice on, not to the tip."""


class KinesisSource:
    """A Kinesis stream, read by position.

    Delivery: at least once; what a batch did not hold is read again by position.
    Order: by sequence number within a shard; a child follows its parents.
    Resume: after the committed sequence number, from the stream's oldest record without one.
    """

    def __init__(
        self,
        client: "KinesisClient",
        stream: str,
        discards: Discards,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._discards = discards
        self._pause = pause

    def shards(self) -> tuple[ShardInfo, ...]:
        """Return every shard that the stream lists, closed ones too. Raises OperatingError."""
        found: list[ShardInfo] = []
        pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream)
        try:
            for page in pages:
                for shard in page["Shards"]:
                    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                    found.append(
                        ShardInfo(
                            shard=ShardId(shard["ShardId"]),
                            parents=tuple(ShardId(p) for p in parents if p),
                        )
                    )
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot list the shards of {self._stream}: {error}") from error
        return tuple(found)

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        """Return up to so many records after a position, or from the origin when it is None.

        The read starts at the position itself, to see whether the stream still holds it. One empty
        answer proves nothing: it goes on until a record, the tip or the end of the shard. Raises
        OperatingError, for a throttle as well: the mapping shares the shard's five reads a second.
        """
        try:
            return self._read(shard, after, origin, records_max)
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read the stream: {error}", shard=shard) from error

    def _read(
        self, shard: ShardId, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        iterator: str | None = self._iterator(shard, after if after is not None else origin)
        found: list[Record] = []
        held = False
        size = empty_reads = 0
        while True:
            if iterator is None:
                return Slice(records=tuple(found), closed=True, at_tip=True, held=held)
            wanted = min(10_000, records_max - len(found) + 1)
            answer = self._client.get_records(ShardIterator=iterator, Limit=wanted)
            for record in map(record_from_api, answer["Records"]):
                held = held or record.position == after
                if after is None or record.position > after:
                    found.append(record)
                    size += len(record.data)
            iterator = answer.get("NextShardIterator")
            if len(found) >= records_max or size >= READ_BYTES_MAX:
                return Slice(records=tuple(found[:records_max]), held=held)
            if is_tip(answer) and iterator is not None:
                return Slice(records=tuple(found), at_tip=True, held=held)
            empty_reads = 0 if answer["Records"] else empty_reads + 1
            if empty_reads > EMPTY_READS_MAX:
                raise OperatingError("the stream gives neither records nor its tip", shard=shard)
            if empty_reads:
                self._pause(0.05)

    def _iterator(self, shard: ShardId, at: Position | None) -> str:
        if at is None:
            answer = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self._client.get_shard_iterator(
                StreamName=self._stream,
                ShardId=shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                StartingSequenceNumber=str(at),
            )
        return answer["ShardIterator"]

    def on_failure(
        self, shard: ShardId, *, after: Position | None, before: Position
    ) -> tuple[tuple[Record, ...], ...]:
        """Return the discarded batches between two positions. Raises OperatingError."""
        return self._discards.between(shard, after=after, before=before)


def is_tip(answer: "GetRecordsOutputTypeDef") -> bool:
    """Return whether an answer of GetRecords reached the newest record."""
    return not answer["Records"] and answer.get("MillisBehindLatest", 0) == 0


def record_from_api(record: "RecordTypeDef") -> Record:
    """Return a record as GetRecords gives it."""
    arrived: datetime = record["ApproximateArrivalTimestamp"]
    return Record(
        position=Position(int(record["SequenceNumber"])),
        partition_key=record["PartitionKey"],
        arrival_ms=round(arrived.timestamp() * 1000),
        data=record["Data"],
    )

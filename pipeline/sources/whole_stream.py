"""Reads a whole Kinesis stream from outside, beside whoever consumes it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from pipeline.core.records import Record, ShardId
from pipeline.errors import OperatingError, UserError
from pipeline.sources.kinesis import record_from_api

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef

READ_SECONDS: Final = 0.5
"""Between reads of a shard: two of the five a second that it shares with its consumers
(Kinesis developer guide, "Quotas and limits")."""

THROTTLED_SECONDS: Final = 2.0
THROTTLES_MAX: Final = 60
"""Throttled answers in a row before a read gives up: after 10 MB a shard rests for five seconds
(Kinesis API reference, "GetRecords"), and its consumers read as well."""

ARRIVAL_DISORDER_MS: Final = 60_000
"""How far apart the clocks of a shard's records and of this machine may be."""

EMPTY_READS_MAX: Final = 2_000
"""Empty answers in a row: each moves a slice of time on, and a stream may hold a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """What a stream is: its shards, and whether it still holds all that it ever took."""

    shards: tuple[ShardId, ...]
    created_ms: int
    retention_ms: int

    def is_whole(self, now_ms: int) -> bool:
        """Return whether nothing can have expired yet."""
        return now_ms - self.created_ms < self.retention_ms


class WholeStream:
    """Every record of a stream, closed shards included.

    Delivery: each record that the stream holds, once.
    Order: by sequence number within a shard.
    Resume: none; each shard is read from its oldest record, or from a time, to its tip.
    """

    def __init__(
        self,
        client: "KinesisClient",
        stream: str,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._pause = pause

    def facts(self) -> StreamFacts:
        """Return what the stream is. Raises UserError if there is none, OperatingError."""
        try:
            summary = self._client.describe_stream_summary(StreamName=self._stream)
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream)
            shards = tuple(ShardId(each["ShardId"]) for page in pages for each in page["Shards"])
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise UserError(
                f"{error}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
        except (BotoCoreError, ClientError) as error:
            if is_code(error, "ResourceNotFoundException"):
                raise UserError(self._absent()) from None
            raise OperatingError(
                f"cannot describe the stream {self._stream}: {error}; if it is elsewhere, name "
                "its --region, or its --endpoint"
            ) from error
        described = summary["StreamDescriptionSummary"]
        created: datetime = described["StreamCreationTimestamp"]
        return StreamFacts(
            shards=shards,
            created_ms=int(created.timestamp() * 1000),
            retention_ms=described["RetentionPeriodHours"] * 3_600_000,
        )

    def records(self, shard: ShardId, *, since_ms: int | None, past_ms: int) -> Iterator[Record]:
        """Yield a shard's records from a time, or from the oldest, until its end or its tip.

        It also ends at the first record that surely arrived after `past_ms`. Raises OperatingError.
        """
        iterator: str | None = self._iterator(shard, since_ms)
        empty = 0
        while iterator is not None:
            answer = self._get(shard, iterator)
            for entry in answer["Records"]:
                record = record_from_api(entry)
                if record.arrival_ms > past_ms + ARRIVAL_DISORDER_MS:
                    return
                yield record
            empty = 0 if answer["Records"] else empty + 1
            if empty and answer.get("MillisBehindLatest", 0) == 0:
                return
            if empty > EMPTY_READS_MAX:
                raise OperatingError("the stream gives neither records nor its tip", shard=shard)
            iterator = answer.get("NextShardIterator")
            self._pause(READ_SECONDS)

    def _iterator(self, shard: ShardId, since_ms: int | None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if since_ms is not None:
            at = datetime.fromtimestamp(since_ms / 1000, UTC)
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at}
        try:
            answer = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=shard, **where
            )
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read the stream: {error}", shard=shard) from error
        return answer["ShardIterator"]

    def _get(self, shard: ShardId, iterator: str) -> "GetRecordsOutputTypeDef":
        for _ in range(THROTTLES_MAX):
            try:
                return self._client.get_records(ShardIterator=iterator, Limit=10_000)
            except (BotoCoreError, ClientError) as error:
                if not is_code(error, "ProvisionedThroughputExceededException"):
                    raise OperatingError(f"cannot read the stream: {error}", shard=shard) from error
            self._pause(THROTTLED_SECONDS)
        raise OperatingError(
            "the shard throttles every read: its consumers leave none", shard=shard
        )

    def _absent(self) -> str:
        region = self._client.meta.region_name
        said = f"there is no stream {self._stream} in {region}"
        try:
            names = self._client.list_streams(Limit=10)["StreamNames"]
        except (BotoCoreError, ClientError):
            return f"{said}; name the one that is meant by --stream and --region"
        there = f"those there: {', '.join(names)}" if names else "there is none at all"
        return f"{said}; {there}; another region is named by --region, another AWS by --endpoint"


def is_code(error: BotoCoreError | ClientError, code: str) -> bool:
    """Return whether Kinesis answered with an error of this code."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == code

"""Records of a shard by the time at which they arrived: what a backfill reads again."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.seams import Source
from pipeline.sources.kinesis import is_tip, record_from_api

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

READ_PAUSE_SECONDS: Final = 0.5
"""Between two reads: a shard gives five a second to all its readers together (Kinesis quotas)."""

RECORDS_MAX: Final = 1_000


def read_between(
    client: "KinesisClient",
    stream: str,
    shard: ShardId,
    *,
    since_ms: int,
    until_ms: int,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Record]:
    """Yield the records that arrived in a span of time, both ends included, in order.

    Raises OperatingError when the stream does not answer.
    """
    try:
        iterator: str | None = client.get_shard_iterator(
            StreamName=stream,
            ShardId=shard,
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=datetime.fromtimestamp(since_ms / 1000, UTC),
        )["ShardIterator"]
        while iterator is not None:
            answer = client.get_records(ShardIterator=iterator)
            for record in map(record_from_api, answer["Records"]):
                if record.arrival_ms > until_ms:
                    return
                yield record
            if is_tip(answer):
                return
            iterator = answer.get("NextShardIterator")
            pause(READ_PAUSE_SECONDS)
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"cannot read the stream: {error}", shard=shard) from error


def read_on(source: Source, shard: ShardId, *, since_ms: int, until_ms: int) -> Iterator[Record]:
    """Yield the records that arrived in a span, both ends included, of a stream without an index.

    It reads from the oldest record that the stream still holds. Raises OperatingError.
    """
    after: Position | None = None
    while True:
        read = source.read_after(shard, after=after, origin=None, records_max=RECORDS_MAX)
        for record in read.records:
            if record.arrival_ms > until_ms:
                return
            if record.arrival_ms >= since_ms:
                yield record
            after = record.position
        if read.at_tip or read.closed:
            return

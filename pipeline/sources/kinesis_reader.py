"""One shard of a stream, read on and on by GetRecords within its five reads a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.kinesis import record_from_api

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

READ_SECONDS: Final = 0.25
"""Between two reads: four a second leave one of a shard's five for probe and sweep (Kinesis
developer guide, "Quotas and limits")."""
BACKOFF_SECONDS_MAX: Final = 5.0
READ_RECORDS_MAX: Final = 2_000
THROTTLES: Final = ("ProvisionedThroughputExceededException", "LimitExceededException")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one GetRecords gave. `ended`: the shard has no more. `expired`: the iterator had, so
    that what comes next may not follow."""

    records: tuple[Record, ...] = ()
    ended: bool = False
    expired: bool = False


class ShardReader:
    """Where a shard is read. `read` runs in a thread of its own, one at a time."""

    def __init__(
        self,
        client: "KinesisClient",
        stream: str,
        shard: ShardId,
        *,
        after: Position | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._stream = stream
        self.shard = shard
        self._after = after
        self._monotonic = monotonic
        self._iterator: str | None = None
        self._failures = 0
        self.next_at = 0.0
        self.ended = False
        self.paused = False

    def read(self) -> Read:
        """Read once and go on. Raises OperatingError; a throttle is answered with nothing.

        After either the next read waits, longer each time.
        """
        self.next_at = self._monotonic() + READ_SECONDS
        try:
            if self._iterator is None:
                self._iterator = self._start()
            answer = self._client.get_records(ShardIterator=self._iterator, Limit=READ_RECORDS_MAX)
        except (BotoCoreError, ClientError) as error:
            return self._failed(error)
        self._failures = 0
        records = tuple(map(record_from_api, answer["Records"]))
        if records:
            self._after = records[-1].position
        self._iterator = answer.get("NextShardIterator")
        self.ended = self._iterator is None
        return Read(records=records, ended=self.ended)

    def _start(self) -> str:
        if self._after is None:
            answer = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=self.shard, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self._client.get_shard_iterator(
                StreamName=self._stream,
                ShardId=self.shard,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=str(self._after),
            )
        return answer["ShardIterator"]

    def _failed(self, error: BotoCoreError | ClientError) -> Read:
        self._failures += 1
        wait = min(BACKOFF_SECONDS_MAX, READ_SECONDS * 2**self._failures)
        self.next_at = self._monotonic() + wait
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code == "ExpiredIteratorException":
            self._iterator = None
            return Read(expired=True)
        if code in THROTTLES:
            return Read()
        self._iterator = None
        raise OperatingError(f"cannot read the stream: {error}", shard=self.shard) from error

"""The read side of a Kafka topic: records by position, in `read_committed`, without a group.

A record's arrival is the message's timestamp. The topic must be set to
`message.timestamp.type=LogAppendTime`: then it is the broker's clock, and no producer's decides the
dedupe window (protocol.md, T26). The topic must not be compacted: what compaction removes looks
like the gaps that transactions leave.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardInfo, Slice
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import (
    ANSWER_SECONDS_MAX,
    Complaints,
    Token,
    client_settings,
    make,
    partition_of,
    partitions_of,
    shard_of,
    trouble_of,
)

READ_BYTES_MAX: Final = 6 * 1024 * 1024
"""Bytes that one gap read may return, as many as from Kinesis."""

FETCH_BYTES: Final = 1024 * 1024
"""Bytes that a fetch of one partition asks for; a larger message comes all the same."""

MOVING_PAUSE_SECONDS: Final = 0.05
"""Between two questions while a partition changes its leader."""

_MISSING: Final = (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)  # noqa: SLF001
_MOVING: Final = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)
_END: Final = KafkaError._PARTITION_EOF  # noqa: SLF001


class KafkaSource:
    """A Kafka topic, read by position; several threads may read at once.

    Delivery: at least once; what a batch did not hold is read again by position.
    Order: by offset within a partition; gaps are what transactions leave.
    Resume: after the committed offset, from the topic's oldest message without one.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        known: Callable[[], Iterable[ShardId]] = tuple,
        token: Token | None = None,
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> None:
        """Connect to nothing yet. `known` says which partitions the ledger has heads of."""
        self._connection = connection
        self._known = known
        self._token = token
        self._seconds_max = seconds_max
        self._idle: list[_Reader] = []
        self._lock = threading.Lock()

    def shards(self) -> tuple[ShardInfo, ...]:
        """Return every partition.

        Raises OperatingError, for a topic that has fewer than the ledger knows as well: Kafka takes
        no partition away, so it is another topic under the same name.
        """
        with self._reader() as reader:
            count = reader.partitions()
        topic = self._connection.topic
        for shard in self._known():
            if partition_of(topic, shard) >= count:
                raise _fewer(topic, count, shard)
        return tuple(ShardInfo(shard=shard_of(topic, number)) for number in range(count))

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        """Return up to so many records after a position, or from the origin when it is None.

        Raises OperatingError, for a position beyond the partition's end as well.
        """
        start = after + 1 if after is not None else origin
        partition = partition_of(self._connection.topic, shard)
        with self._reader() as reader:
            low, high = reader.ends(partition)
            if start is not None and start > high:
                raise beyond_the_end(self._connection.topic, shard, start=start, high=high)
            held = low <= (start or 0)
            first = max(low, start or 0)
            if first >= high:
                return Slice(at_tip=True, held=held)
            records, at_tip = reader.read(partition, first=first, high=high, count=records_max)
            return Slice(records=records, at_tip=at_tip, held=held)

    def on_failure(
        self,
        shard: ShardId,  # noqa: ARG002
        *,
        after: Position | None,  # noqa: ARG002
        before: Position,  # noqa: ARG002
    ) -> tuple[tuple[Record, ...], ...]:
        """Return nothing: nobody but the worker takes from a topic, and it discards nothing."""
        return ()

    def ends(self, shard: ShardId) -> tuple[int, int]:
        """Return a partition's first offset and the one after its last stable one.

        Raises OperatingError.
        """
        with self._reader() as reader:
            return reader.ends(partition_of(self._connection.topic, shard))

    def lag(self, shard: ShardId, *, after: Position | None) -> int:
        """Return how many offsets come after a position, those of transactions included.

        Raises OperatingError.
        """
        low, high = self.ends(shard)
        return max(0, high - max(low, 0 if after is None else after + 1))

    def close(self) -> None:
        """Give back the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    @contextmanager
    def _reader(self) -> "Iterator[_Reader]":
        """Lend a reader to one thread; one that met trouble is not used again."""
        with self._lock:
            reader = self._idle.pop() if self._idle else None
        reader = reader or _Reader(self._connection, self._token, self._seconds_max)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            self._idle.append(reader)


class _Reader:
    """One connection to the topic, without a group, used by one thread at a time."""

    def __init__(
        self, connection: KafkaConnection, token: Token | None, seconds_max: float
    ) -> None:
        self._connection = connection
        self._seconds_max = seconds_max
        self._complaints = Complaints()
        settings = client_settings(connection, self._complaints, token=token)
        self._consumer = make(
            Consumer,
            settings
            | {
                "group.id": connection.group,  # asked for by the client, joined by nobody
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                "fetch.max.bytes": FETCH_BYTES,
                "max.partition.fetch.bytes": FETCH_BYTES,
                "queued.min.messages": 1,
                "fetch.queue.backoff.ms": 10,
            },
        )

    def partitions(self) -> int:
        """Return how many partitions there are."""
        return partitions_of(
            self._consumer, self._connection, self._complaints, seconds_max=self._seconds_max
        )

    def ends(self, partition: int) -> tuple[int, int]:
        """Return the first offset and the one after the last stable one."""
        where = TopicPartition(self._connection.topic, partition)
        deadline = time.monotonic() + self._seconds_max
        try:
            while True:
                try:
                    return self._consumer.get_watermark_offsets(where, timeout=self._seconds_max)
                except KafkaException as error:
                    if error.args[0].code() not in _MOVING or time.monotonic() > deadline:
                        raise
                time.sleep(MOVING_PAUSE_SECONDS)
        except KafkaException as error:
            count = self.partitions()  # says in its own words that broker or topic is not there
            shard = shard_of(self._connection.topic, partition)
            if partition >= count and error.args[0].code() in _MISSING:
                raise _fewer(self._connection.topic, count, shard) from error
            raise trouble_of(self._connection, error, shard=shard) from error

    def read(
        self, partition: int, *, first: int, high: int, count: int
    ) -> tuple[tuple[Record, ...], bool]:
        """Return records from an offset on, and whether they reach the end."""
        where = TopicPartition(self._connection.topic, partition, first)
        found: list[Record] = []
        size = 0
        try:
            self._consumer.assign([where])
            deadline = time.monotonic() + self._seconds_max
            while len(found) < count and size < READ_BYTES_MAX:
                message = self._consumer.poll(max(0, deadline - time.monotonic()))
                if message is None and found:
                    break
                if message is None:
                    raise self._silent(partition)
                error = message.error()
                if error is not None and error.code() == _END:
                    return tuple(found), True
                if error is not None:
                    shard = shard_of(self._connection.topic, partition)
                    raise trouble_of(self._connection, error, shard=shard)
                record = record_from_message(message)
                found.append(record)
                size += len(record.data)
                if record.position >= high - 1:
                    return tuple(found), True
            return tuple(found), False
        except KafkaException as error:
            raise trouble_of(self._connection, error) from error
        finally:
            self._consumer.unassign()

    def close(self) -> None:
        """Give back the connection."""
        self._consumer.close()

    def _silent(self, partition: int) -> OperatingError:
        shard = shard_of(self._connection.topic, partition)
        if self._complaints.down:
            return self._complaints.unreachable(self._connection, "no answer")
        return OperatingError(
            f"the broker gave neither records nor their end in {self._seconds_max:.0f} s",
            shard=shard,
        )


def record_from_message(message: Message) -> Record:
    """Return a message as a record; one without a value (a tombstone) has no bytes.

    Such a record is quarantined as empty: nothing that somebody sent is passed over.
    """
    offset, key = message.offset(), message.key()
    return Record(
        position=Position(offset if offset is not None else 0),
        partition_key=key.decode("utf-8", "replace") if key else "",
        arrival_ms=message.timestamp()[1],
        data=message.value() or b"",
    )


def beyond_the_end(topic: str, shard: ShardId, *, start: int, high: int) -> OperatingError:
    """Return the trouble of a position that the partition has not reached yet."""
    return OperatingError(
        f"the ledger is at offset {start} but Kafka topic {topic} ends at {high}: it was created"
        " anew or lost its tail. Bring the messages back, or give the new topic another name and"
        " a ledger of its own",
        shard=shard,
        position=start,
    )


def _fewer(topic: str, count: int, shard: ShardId) -> OperatingError:
    return OperatingError(
        f"Kafka topic {topic} has {count} partitions, but the ledger knows one more: it was"
        " created anew. Give it back its partitions, or give the new topic another name and a"
        " ledger of its own",
        shard=shard,
    )

"""A worker's part in a Kafka topic: a consumer group with cooperative rebalancing.

The group only decides who reads which partition; where to read on, the ledger decides. What the
group remembers of offsets is for the broker's own figures (lag) and is never asked.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import (
    KafkaSource,
    beyond_the_end,
    record_from_message,
)
from pipeline.sources.kafka_client import (
    Complaints,
    Token,
    client_settings,
    make,
    partition_of,
    partitions_of,
    shard_of,
    trouble_of,
)
from pipeline.sources.kafka_group import (
    SESSION_SECONDS,
    GroupOffsets,
    Readings,
    group_settings,
)
from pipeline.sources.subscription import Listener

MESSAGES_MAX: Final = 10_000
"""Messages of one poll; their bytes are bounded by what lies fetched."""
WAIT_SECONDS: Final = 0.1
"""How often a poll looks up while it waits."""
CHECK_SECONDS: Final = 5.0
"""How often a worker without records asks whether there is a topic at all."""
CHECK_ANSWER_SECONDS: Final = 2.0

_NO_PLACE: Final = (
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
    KafkaError._LOG_TRUNCATION,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE,
)


class KafkaSubscription:
    """Partitions of a topic as a group hands them out. Only `settle` and `lag` may be called by
    other threads than the polling one: the client itself serves one call at a time.

    Delivery, Order, Resume: those of `pipeline.sources.subscription.Subscription`. When messages
    expire that were still to come, the partition goes and comes again, so that the protocol looks.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        token: Token | None = None,
        refresh_seconds: float = 30.0,
        session_seconds: float = SESSION_SECONDS,
    ) -> None:
        """Join the group; a new partition is found within `refresh_seconds`."""
        self._connection, self._topic = connection, connection.topic
        self._source = KafkaSource(connection, token=token)
        self._complaints = Complaints()
        self._listener: Listener | None = None
        self._readings = Readings(connection.topic)
        self._offsets = GroupOffsets(connection.topic)
        self._unplaced: set[int] = set()
        self._astray: set[int] = set()
        self._trouble: Exception | None = None
        self._checked = self._raised = self._looked = time.monotonic()
        settings = client_settings(connection, self._complaints, token=token)
        self._consumer = make(
            Consumer,
            settings
            | group_settings(
                connection.group, refresh_seconds=refresh_seconds, session_seconds=session_seconds
            )
            | {"on_commit": self._offsets.answered},
        )
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    # ------------------------------------------------------------------ the polling thread's part

    def poll(
        self, listener: Listener, /, *, seconds_max: float
    ) -> Mapping[ShardId, tuple[Record, ...]]:
        """Return what came in; see `Subscription.poll`. Raises OperatingError."""
        self._listener = listener
        try:
            if self._trouble is not None and time.monotonic() - self._raised > CHECK_SECONDS:
                self._raise_trouble()  # other partitions' records must not drown it
            self._offsets.send(self._consumer)
            records = self._fetch(listener, seconds_max)
            if not records:
                self._raise_trouble()
            return records
        finally:
            self._listener = None

    def seek(self, shard: ShardId, /, *, after: Position | None) -> None:
        """Go on after a position; a partition that went meanwhile is left alone."""
        partition = partition_of(self._topic, shard)
        if self._readings.get(partition) is not None:
            self._restart(partition, _offset(after), moved=False)

    def pause(self, shard: ShardId, /) -> None:
        """Fetch nothing more of a partition; the client fetches again what it throws away."""
        self._readings.set_paused(self._consumer, partition_of(self._topic, shard), paused=True)

    def resume(self, shard: ShardId, /) -> None:
        """Fetch again."""
        self._readings.set_paused(self._consumer, partition_of(self._topic, shard), paused=False)

    def close(self) -> None:
        """Leave the group, once what was settled is on its way."""
        self._offsets.send(self._consumer)
        self._consumer.close()
        self._source.close()

    # ------------------------------------------------------------------ any thread's part

    def settle(self, shard: ShardId, /, *, committed: Position) -> None:
        """Have the group's offset follow the ledger at the next poll; an error is only logged."""
        self._offsets.add(shard, committed)

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int:
        """Ask the broker how many offsets come after a position, those of transactions included.

        Raises OperatingError.
        """
        return self._source.lag(shard, after=after)

    # ------------------------------------------------------------------ fetching

    def _fetch(self, listener: Listener, seconds_max: float) -> dict[ShardId, tuple[Record, ...]]:
        """Wait for messages, and take along all that lie there."""
        deadline = time.monotonic() + seconds_max
        messages: list[Message] = []
        try:
            while not messages:
                self._place(listener)
                left = deadline - time.monotonic()
                first = self._consumer.poll(max(0, min(left, WAIT_SECONDS)))
                if first is not None:
                    messages.append(first)
                elif left <= WAIT_SECONDS or self._trouble is not None:
                    return {}
            messages += self._consumer.consume(MESSAGES_MAX, 0)
        except KafkaException as error:
            self._trouble = trouble_of(self._connection, error)
        return self._sort(messages)

    def _sort(self, messages: list[Message]) -> dict[ShardId, tuple[Record, ...]]:
        """Return the records by partition, without those of partitions that went meanwhile.

        They can only have gone: partitions are placed before the first message, never after it.
        """
        found: dict[int, list[Record]] = {}
        for message in messages:
            error, partition = message.error(), message.partition()
            if error is not None:
                self._failed(error, partition)
                continue
            reading = self._readings.get(partition)
            if partition is None or reading is None:
                continue
            record = record_from_message(message)
            reading.next, reading.moved = record.position + 1, True
            found.setdefault(partition, []).append(record)
        if found:
            self._complaints.answered()
        return {shard_of(self._topic, number): tuple(records) for number, records in found.items()}

    def _failed(self, error: KafkaError, partition: int | None) -> None:
        if error.code() in _NO_PLACE and partition is not None:
            if self._readings.get(partition) is not None:
                self._astray.add(partition)
            return
        shard = None if partition is None or partition < 0 else shard_of(self._topic, partition)
        self._trouble = trouble_of(self._connection, error, shard=shard)

    def _raise_trouble(self) -> None:
        """Say what is wrong, if nothing came. Raises OperatingError."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            self._raised = time.monotonic()
            raise trouble
        idle = not self._readings and time.monotonic() - self._checked > CHECK_SECONDS
        if self._complaints.down or idle:
            asked = (self._consumer, self._connection, self._complaints)
            partitions_of(*asked, seconds_max=CHECK_ANSWER_SECONDS)
            self._checked = time.monotonic()

    # ------------------------------------------------------------------ partitions come and go

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Note them: they are placed outside of the client's callback, which must not fail."""
        self._unplaced |= {where.partition for where in partitions}
        consumer.incremental_assign([])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Let partitions go; lost ones likewise, though another worker may have them already."""
        numbers = {where.partition for where in partitions}
        self._unplaced -= numbers
        self._let_go(consumer, numbers)

    def _let_go(self, consumer: Consumer, numbers: Iterable[int]) -> None:
        """Have the listener let go first. What it raises is kept: a callback must not raise."""
        going = self._readings.forget(numbers)
        self._astray -= set(going)
        if self._listener is not None and going:
            try:
                self._listener.revoked(tuple(shard_of(self._topic, number) for number in going))
            except Exception as error:
                self._trouble = error
        self._readings.unassign(consumer, going)

    def _place(self, listener: Listener) -> None:
        """Begin to read where the listener says, and see to partitions that lost their place."""
        if self._astray and time.monotonic() - self._looked > WAIT_SECONDS:
            for number in sorted(self._astray):
                self._replace(number)
            self._looked = time.monotonic()
        if not self._unplaced:
            return
        numbers = sorted(self._unplaced)
        try:
            places = listener.assigned(tuple(shard_of(self._topic, number) for number in numbers))
        except OperatingError as error:
            self._trouble = error
            return
        for number in numbers:
            place = places[shard_of(self._topic, number)]
            self._readings.start(self._consumer, number, _offset(place))
        self._unplaced.clear()

    def _replace(self, number: int) -> None:
        """Find the place of a partition whose next offset the broker does not have.

        Before its first record after a start it goes on from the oldest: the protocol finds what
        that skips. Later, records that nobody looked for would be missing in between: it starts
        anew. Beyond the end it waits, and says so: that is another topic, or one with its tail cut.
        """
        shard, reading = shard_of(self._topic, number), self._readings.get(number)
        if reading is None:
            return
        try:
            low, high = self._source.ends(shard)
        except OperatingError as error:
            self._trouble = error
            return
        if reading.next > high:
            self._trouble = beyond_the_end(self._topic, shard, start=reading.next, high=high)
        elif reading.next >= low or not reading.moved:
            self._restart(number, max(low, reading.next), moved=reading.moved)
        else:
            self._let_go(self._consumer, (number,))
            self._unplaced.add(number)

    def _restart(self, number: int, offset: int, *, moved: bool) -> None:
        self._astray.discard(number)
        self._readings.restart(self._consumer, number, offset, moved=moved)


def _offset(after: Position | None) -> int:
    return OFFSET_BEGINNING if after is None else after + 1

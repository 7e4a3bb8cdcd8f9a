"""A consumer of a group: what it is set to, what it reads from where, what the group is told."""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.core.records import Position, ShardId
from pipeline.sources.kafka import FETCH_BYTES
from pipeline.sources.kafka_client import partition_of, shard_of

log = logging.getLogger("sluice.kafka")

SESSION_SECONDS: Final = 6.0
"""Silence after which the group takes a worker for dead, at least the broker's
`group.min.session.timeout.ms` (6 s); a late one is kept off by the ledger's fence."""
POLL_SECONDS_MAX: Final = 120.0
"""Between two polls: more than a take under way may hold a hand-over up."""
FETCHED_BYTES_MAX: Final = 16 * 1024 * 1024
"""What may lie fetched ahead in the client, all partitions together."""


def group_settings(group: str, *, refresh_seconds: float, session_seconds: float) -> dict[str, Any]:
    """Return what makes a consumer of a group that keeps no offset of its own."""
    return {
        "group.id": group,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": round(session_seconds * 1_000),
        "heartbeat.interval.ms": round(session_seconds * 1_000 / 4),
        "max.poll.interval.ms": round(POLL_SECONDS_MAX * 1_000),
        "topic.metadata.refresh.interval.ms": round(refresh_seconds * 1_000),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 250,
        "fetch.queue.backoff.ms": 50,
        "fetch.max.bytes": 4 * FETCH_BYTES,
        "max.partition.fetch.bytes": FETCH_BYTES,
        "queued.max.messages.kbytes": FETCHED_BYTES_MAX // 1024,
    }


@dataclass(slots=True, kw_only=True)
class Reading:
    """A partition that is read: `next` is the offset to come, `moved` whether any came yet."""

    next: int
    moved: bool = False
    paused: bool = False


class Readings:
    """What a consumer reads now. A client that was told to read elsewhere forgets what it fetched
    (its queues carry versions), so nothing of before comes after."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._of: dict[int, Reading] = {}

    def __len__(self) -> int:
        return len(self._of)

    def get(self, number: int | None) -> Reading | None:
        """Return what is known of a partition, None if it is not read."""
        return None if number is None else self._of.get(number)

    def start(self, consumer: Consumer, number: int, offset: int) -> None:
        """Begin to read a partition."""
        self._of[number] = Reading(next=offset)
        consumer.incremental_assign([TopicPartition(self._topic, number, offset)])

    def restart(self, consumer: Consumer, number: int, offset: int, *, moved: bool) -> None:
        """Read from elsewhere. The client's own `seek` fails on a partition without a place."""
        paused = self._of[number].paused
        consumer.incremental_unassign([TopicPartition(self._topic, number)])
        self.start(consumer, number, offset)
        self._of[number].moved = moved
        self.set_paused(consumer, number, paused=paused)

    def set_paused(self, consumer: Consumer, number: int, *, paused: bool) -> None:
        """Stop or go on fetching a partition that is read."""
        reading = self._of.get(number)
        if reading is not None and reading.paused != paused:
            reading.paused = paused
            change = consumer.pause if paused else consumer.resume
            change([TopicPartition(self._topic, number)])

    def forget(self, numbers: Iterable[int]) -> list[int]:
        """Take partitions out and return those that were read; the consumer is not told."""
        return [number for number in sorted(numbers) if self._of.pop(number, None) is not None]

    def unassign(self, consumer: Consumer, numbers: Iterable[int]) -> None:
        """Tell the consumer of partitions that were forgotten."""
        consumer.incremental_unassign([TopicPartition(self._topic, number) for number in numbers])


class GroupOffsets:
    """The group's offsets, following the ledger: for the broker's figures, asked by nobody here."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._waiting: deque[tuple[ShardId, Position]] = deque()
        self._unsettled: dict[ShardId, str] = {}
        """Why the broker did not note the last offset of a partition: its lag is told too high."""

    def add(self, shard: ShardId, committed: Position) -> None:
        """Take in what the ledger committed; any thread may."""
        self._waiting.append((shard, committed))

    def send(self, consumer: Consumer) -> None:
        """Send the newest offset of each partition, without waiting for the answer."""
        newest: dict[ShardId, Position] = {}
        while self._waiting:
            shard, committed = self._waiting.popleft()
            newest[shard] = committed
        if not newest:
            return
        offsets = [
            TopicPartition(self._topic, partition_of(self._topic, shard), committed + 1)
            for shard, committed in newest.items()
        ]
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            for shard in newest:
                self._note(shard, str(error))

    def answered(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Note what the broker answered; to be the consumer's `on_commit`."""
        for where in partitions:
            trouble = where.error or error
            shard = shard_of(self._topic, where.partition)
            if trouble is None:
                self._unsettled.pop(shard, None)
            else:
                self._note(shard, trouble.str())

    def _note(self, shard: ShardId, trouble: str) -> None:
        """Say it once, not at each offset."""
        if self._unsettled.get(shard) != trouble:
            log.warning("%s: the group's offset was not noted: %s", shard, trouble)
        self._unsettled[shard] = trouble

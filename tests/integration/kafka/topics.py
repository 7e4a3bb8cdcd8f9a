"""A topic on the real broker, and what fills it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from pipeline.core.aggregate import deaggregate
from pipeline.core.payload import decompress
from pipeline.core.records import Record, ShardId
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from tests.waiting import until


def numbered(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


def lines_in(records: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the events in a producer's records, copies included."""
    for data in records:
        for inner in deaggregate(data, ""):
            yield from decompress(inner.payload, bytes_max=1 << 20).split(b"\n")


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic and the clients that a test needs beside ours."""

    connection: KafkaConnection
    admin: AdminClient

    @property
    def name(self) -> str:
        return self.connection.topic

    @property
    def _client(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.connection.bootstrap_servers, "log_level": 0}

    def shard(self, partition: int) -> ShardId:
        return ShardId(f"{self.name}-{partition}")

    def producer(self) -> Producer:
        return Producer(self._client)

    def send(self, *values: bytes | None, partition: int = 0, key: bytes | None = None) -> None:
        """Write one message a value, in order, one batch each."""
        producer = self.producer()
        for value in values:
            producer.produce(self.name, value, key, partition=partition)
        assert producer.flush(60) == 0

    def transaction(self, *values: bytes, commit: bool, partition: int = 0) -> None:
        producer = self.open_transaction(*values, partition=partition)
        if commit:
            producer.commit_transaction(60)
        else:
            producer.abort_transaction(60)

    def open_transaction(self, *values: bytes, partition: int = 0) -> Producer:
        producer = Producer(
            {
                **self._client,
                "transactional.id": uuid4().hex,
            }
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        for value in values:
            producer.produce(self.name, value, partition=partition)
        assert producer.flush(60) == 0
        return producer

    def records(self, source: KafkaSource, partition: int) -> tuple[Record, ...]:
        """Return all that a partition holds."""
        found = source.read_after(
            self.shard(partition), after=None, origin=None, records_max=100_000
        )
        assert found.at_tip
        return found.records

    def expire(self, *, before: int, partition: int = 0) -> None:
        """Have the broker delete what lies before an offset."""
        where = TopicPartition(self.name, partition, before)
        for future in self.admin.delete_records([where]).values():
            future.result(60)

    def create(
        self, partitions: int = 2, settings: Mapping[str, str] | None = None, *, copies: int = 1
    ) -> None:
        """Make the topic, once one of the same name that was deleted is gone."""
        config = {"message.timestamp.type": "LogAppendTime", **(settings or {})}
        topic = NewTopic(self.name, partitions, copies, config=config)
        until(lambda: self._made(topic))
        until(lambda: self.partitions() == partitions)

    def _made(self, topic: NewTopic) -> bool:
        try:
            for future in self.admin.create_topics([topic]).values():
                future.result(60)
        except KafkaException:
            return False
        return True

    def partitions(self) -> int:
        """Return how many the broker tells of; it tells a moment after it made them."""
        return len(self.admin.list_topics(self.name, timeout=60).topics[self.name].partitions)

    def delete(self) -> None:
        for future in self.admin.delete_topics([self.name]).values():
            future.result(60)

    def recreate(self, settings: Mapping[str, str] | None = None) -> None:
        """Have another topic of the same name."""
        self.delete()
        self.create(settings=settings)

    def group_offset(self, partition: int) -> int:
        where = TopicPartition(self.name, partition)
        request = [ConsumerGroupTopicPartitions(self.connection.group, [where])]
        for future in self.admin.list_consumer_group_offsets(request).values():
            return int(future.result(60).topic_partitions[0].offset)
        raise AssertionError("no answer")

    def grow(self, partitions: int) -> None:
        """Add partitions; a producer that is made next knows of them."""
        for future in self.admin.create_partitions([NewPartitions(self.name, partitions)]).values():
            future.result(60)
        until(lambda: self.partitions() == partitions)

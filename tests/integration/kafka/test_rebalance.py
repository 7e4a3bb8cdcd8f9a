"""Workers that come and go while records stream in: nothing is skipped, nothing is read twice at
once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from pipeline.core.records import Position, ShardId
from pipeline.sources.kafka_subscription import KafkaSubscription
from tests.integration.kafka.topics import Topic
from tests.waiting import until

PARTITIONS = 6


@dataclass(kw_only=True)
class Committed:
    """A ledger in miniature: what is committed of each partition, and who holds it."""

    upto: dict[ShardId, int] = field(default_factory=dict)
    holder: dict[ShardId, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def total(self) -> int:
        with self.lock:
            return sum(upto + 1 for upto in self.upto.values())


@dataclass(kw_only=True)
class Committer:
    """A worker that commits whatever a poll gives it."""

    name: str
    committed: Committed

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        with self.committed.lock:
            for shard in shards:
                if shard in self.committed.holder:
                    self.committed.wrong.append(f"{shard} is still held")
                self.committed.holder[shard] = self.name
            places = {shard: self.committed.upto.get(shard) for shard in shards}
        return {s: None if upto is None else Position(upto) for s, upto in places.items()}

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        with self.committed.lock:
            for shard in shards:
                del self.committed.holder[shard]

    def poll(self, subscription: KafkaSubscription) -> None:
        for shard, records in subscription.poll(self, seconds_max=0.1).items():
            with self.committed.lock:
                upto = self.committed.upto.get(shard, -1)
                if [r.position for r in records] != list(range(upto + 1, upto + 1 + len(records))):
                    self.committed.wrong.append(f"{shard}: {records[0].position} after {upto}")
                self.committed.upto[shard] = records[-1].position
            subscription.settle(shard, committed=records[-1].position)

    def leave(self, subscription: KafkaSubscription) -> None:
        with self.committed.lock:
            mine = [s for s, holder in self.committed.holder.items() if holder == self.name]
            for shard in mine:
                del self.committed.holder[shard]
        subscription.close()


@contextmanager
def worker(topic: Topic, committed: Committed, name: str) -> Iterator[None]:
    """Run a worker on a thread of its own."""
    subscription = KafkaSubscription(topic.connection, refresh_seconds=1)
    committer = Committer(name=name, committed=committed)
    stop = Event()

    def run() -> None:
        while not stop.is_set():
            committer.poll(subscription)
        committer.leave(subscription)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_workers_come_and_go_under_load_and_no_record_is_skipped_or_shared(topic: Topic) -> None:
    topic.grow(PARTITIONS)
    committed = Committed()
    producer = topic.producer()
    stop, sent = Event(), [0]

    def send() -> None:
        while not stop.wait(0.001):
            producer.produce(topic.name, b"%d" % sent[0], partition=sent[0] % PARTITIONS)
            producer.poll(0)
            sent[0] += 1
        producer.flush(60)

    sender = Thread(target=send)
    sender.start()
    try:
        with worker(topic, committed, "one"):
            until(lambda: len(set(committed.holder)) == PARTITIONS)
            with worker(topic, committed, "two"):
                until(lambda: len(set(committed.holder.values())) == 2)
                with worker(topic, committed, "three"):
                    until(lambda: len(set(committed.holder.values())) == 3)
                until(lambda: set(committed.holder.values()) == {"one", "two"})
            until(lambda: len(committed.holder) == PARTITIONS)
            stop.set()
            sender.join()
            until(lambda: committed.total() == sent[0])
    finally:
        stop.set()
        sender.join()
    assert committed.wrong == []
    assert sent[0] > 100

"""A topic on the real broker with what fills it, and a worker reduced to its part in it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pulsar

from infra.local.brokers.pulsar import LocalPulsar
from infra.local.brokers.pulsar_admin import path_of
from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_client import connect
from pipeline.sources.pulsar_subscription import PulsarSubscription


def numbered(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


@dataclass(kw_only=True)
class Topic:
    """A topic, its broker and a client that a test has beside ours."""

    connection: PulsarConnection
    broker: LocalPulsar
    sent: dict[int, int] = field(default_factory=dict)
    _client: pulsar.Client | None = None
    _producers: dict[int, pulsar.Producer] = field(default_factory=dict)

    @property
    def client(self) -> pulsar.Client:
        self._client = self._client or connect(self.connection)
        return self._client

    @property
    def name(self) -> str:
        return self.connection.name

    def shard(self, partition: int) -> ShardId:
        return ShardId(f"{self.name}-{partition}")

    def partition(self, partition: int) -> str:
        return f"{self.connection.topic}-partition-{partition}"

    def send(self, *values: bytes, partition: int = 0, key: str | None = None) -> None:
        """Write one message a value, in order, in chunks where one is too large."""
        if partition not in self._producers:
            self._producers[partition] = self.client.create_producer(
                self.partition(partition), chunking_enabled=True
            )
        for value in values:
            self.sent[partition] = self.sent.get(partition, 0) + 1
            self._producers[partition].send(
                value, partition_key=key, sequence_id=self.sent[partition]
            )

    def ask(self, method: str, what: str, *, partition: int = 0) -> object:
        return self.broker.admin.ask(method, f"{path_of(self.partition(partition))}/{what}")

    def roll(self, partition: int = 0) -> None:
        """Have the partition begin a new ledger with its next message."""
        self.ask("PUT", "unload", partition=partition)

    def trim(self, partition: int = 0) -> None:
        """Have the broker delete the ledgers that are not to be kept."""
        self.ask("POST", "trim", partition=partition)

    def ledgers(self, partition: int = 0) -> list[int]:
        """Return the ledgers that hold messages."""
        stats = self.ask("GET", "internalStats", partition=partition)
        assert isinstance(stats, dict)
        return [int(ledger["ledgerId"]) for ledger in stats["ledgers"]]

    def backlog(self, partition: int = 0) -> int:
        stats = self.ask("GET", "stats", partition=partition)
        assert isinstance(stats, dict)
        return int(stats["subscriptions"][self.connection.subscription]["msgBacklog"])

    def close(self) -> None:
        if self._client is not None:
            self._client.shutdown()


@dataclass(kw_only=True)
class Reader:
    """A worker reduced to its part in the stream: it keeps what it is given, partition by
    partition, and tells what it heard in order."""

    subscription: PulsarSubscription
    after: dict[ShardId, Position] = field(default_factory=dict)
    settles: bool = True
    held: set[ShardId] = field(default_factory=set)
    heard: list[tuple[str, tuple[ShardId, ...]]] = field(default_factory=list)
    records: dict[ShardId, list[Record]] = field(default_factory=dict)
    troubles: list[OperatingError] = field(default_factory=list)

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        self.heard.append(("assigned", shards))
        assert not self.held & set(shards)
        self.held |= set(shards)
        return {shard: self.after.get(shard) for shard in shards}

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        self.heard.append(("revoked", shards))
        assert self.held >= set(shards)
        self.held -= set(shards)

    def poll(self, seconds_max: float = 0.05) -> None:
        try:
            polled = self.subscription.poll(self, seconds_max=seconds_max)
        except OperatingError as trouble:
            self.troubles.append(trouble)
            return
        for shard, records in polled.items():
            assert shard in self.held, "records of a partition that is not held"
            self.records.setdefault(shard, []).extend(records)
            self.after[shard] = records[-1].position
            if self.settles:
                self.subscription.settle(shard, committed=records[-1].position)

    def values(self, shard: ShardId) -> list[bytes]:
        return [record.data for record in self.records.get(shard, [])]

    def positions(self, shard: ShardId) -> list[int]:
        return [record.position for record in self.records.get(shard, [])]


def until(condition: Callable[[], object], *readers: Reader, seconds_max: float = 20.0) -> None:
    """Poll the readers in turn until a condition holds."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, [reader.troubles[-3:] for reader in readers]
        for reader in readers:
            reader.poll()

"""A topic on the real broker, and what fills it."""

from dataclasses import dataclass, field

import pulsar

from infra.local.brokers.pulsar import LocalPulsar
from infra.local.brokers.pulsar_admin import path_of
from pipeline.core.records import ShardId
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_client import connect


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

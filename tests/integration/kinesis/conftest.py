"""A stream and a ledger table on the embedded AWS, and subscriptions on them."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.supervisor import LocalAws
from pipeline.core.records import Position, Record, ShardId
from pipeline.environment import clients
from pipeline.errors import OperatingError
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.state import Head
from pipeline.sources.kinesis_subscription import KinesisSubscription
from tests.embedded_aws import make_ledger, where
from tests.waiting import until


@dataclass(kw_only=True)
class Follower:
    """A subscription and its listener: what it heard, and what it was given."""

    subscription: KinesisSubscription
    hardy: bool = False
    starts: dict[ShardId, Position | None] = field(default_factory=dict)
    shards: set[ShardId] = field(default_factory=set)
    records: list[Record] = field(default_factory=list)
    heard: list[ShardId] = field(default_factory=list)
    reached: dict[ShardId, Position | None] = field(default_factory=dict)

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        self.shards |= set(shards)
        self.heard += shards
        return {shard: self.starts.get(shard) for shard in shards}

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        self.shards -= set(shards)

    def poll(self) -> None:
        try:
            polled = self.subscription.poll(self, seconds_max=0.2)
        except OperatingError:
            if not self.hardy:
                raise
            return
        for shard, records in polled.items():
            assert shard in self.shards
            self.records += records
            self.reached[shard] = records[-1].position

    @property
    def texts(self) -> list[str]:
        return [record.data.decode() for record in self.records]


@dataclass(kw_only=True)
class Place:
    """One test's stream and table."""

    kinesis: Any
    dynamodb: Any
    name: str
    followers: list[Follower] = field(default_factory=list)

    @property
    def shards(self) -> list[ShardId]:
        return [s["ShardId"] for s in self.kinesis.list_shards(StreamName=self.name)["Shards"]]

    def put(self, *texts: str) -> None:
        for text in texts:
            self.kinesis.put_record(StreamName=self.name, Data=text.encode(), PartitionKey=text)

    def follow(self, starts: Mapping[ShardId, Position | None] | None = None) -> Follower:
        subscription = KinesisSubscription(self.kinesis, self.name, self.dynamodb, self.name)
        follower = Follower(subscription=subscription, starts=dict(starts or {}))
        self.followers.append(follower)
        return follower

    def close_shard(self, shard: ShardId) -> None:
        """Let the ledger say that a shard is committed to its end."""
        head = Head(shard=shard, revision="r", changed_ms=1, committed=Position(1), closed=True)
        DynamoLedger(self.dynamodb, self.name).write_head(head, unchanged_since=None)

    def until(self, condition: Callable[[], Any], *followers: Follower) -> None:
        """Poll all of them until something holds."""

        def poll() -> None:
            for follower in followers:
                follower.poll()

        until(condition, what=lambda: [f.shards for f in self.followers], meanwhile=poll)


@pytest.fixture
def place(aws: LocalAws) -> Iterator[Place]:
    name = f"t{secrets.token_hex(6)}"
    made = clients(**where(aws))
    make_ledger(made["dynamodb"], name)
    made["kinesis"].create_stream(StreamName=name, ShardCount=2)
    made["kinesis"].get_waiter("stream_exists").wait(
        StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    place = Place(kinesis=made["kinesis"], dynamodb=made["dynamodb"], name=name)
    yield place
    for follower in place.followers:
        follower.subscription.close()

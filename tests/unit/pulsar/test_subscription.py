"""A worker's part in a topic at moments that no broker makes on command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulsar
import pytest

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from pipeline.sources import pulsar_client, pulsar_partition
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_subscription import PulsarSubscription
from pipeline.sources.troubles import TELL_SECONDS

CONNECTION = PulsarConnection(
    service_url="pulsar://broker:6650", topic="persistent://public/default/flights"
)
ONE, OTHER = ShardId("flights-0"), ShardId("flights-1")


@dataclass
class Seconds:
    """A clock that stands until it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class Broker:
    """A client of two partitions: whoever asks gets a token, and records without a byte."""

    connected: bool = True
    endless: bool = False
    broken: set[str] = field(default_factory=set)
    _consumers: list[Any] = field(default_factory=list)

    def get_topic_partitions(self, topic: str) -> list[str]:
        return [f"{topic}-partition-{number}" for number in (0, 1)]

    def subscribe(self, *_: object, **__: object) -> "Claim":
        self._consumers.append(Claim(self))
        return self._consumers[-1]  # type: ignore[no-any-return]

    def create_reader(self, topic: str, *_: object, **__: object) -> "Reader":
        if topic in self.broken:
            raise pulsar.BrokerMetadataError("spoilt")
        self._consumers.append(Reader(self))
        return self._consumers[-1]  # type: ignore[no-any-return]

    def shutdown(self) -> None:
        """End nothing."""


class Claim:
    """A consumer of the Failover subscription that is the only one."""

    def __init__(self, broker: Broker) -> None:
        self._client = broker
        self._tokens = 1

    def is_connected(self) -> bool:
        return self._client.connected

    def receive(self, **_: object) -> None:
        if not self._tokens:
            raise pulsar.Timeout("nothing")
        self._tokens = 0

    def redeliver_unacknowledged_messages(self) -> None:
        self._tokens = 1


class Reader:
    """A reader with a record now and one later, or with ever more."""

    def __init__(self, broker: Broker) -> None:
        self._client = broker
        self._entry = 0

    def read_next(self, **_: object) -> "Empty":
        self._entry += 1
        if not self._client.endless and self._entry % 2:
            raise pulsar.Timeout("nothing")
        return Empty(self._entry)


@dataclass(frozen=True)
class Empty:
    """A message without a byte."""

    entry: int

    def message_id(self) -> pulsar.MessageId:
        return pulsar.MessageId(0, 1, self.entry, -1)

    def partition_key(self) -> str:
        return "k"

    def publish_timestamp(self) -> int:
        return 0

    def data(self) -> bytes:
        return b""


@dataclass
class Listener:
    """Takes every partition on from its oldest record."""

    heard: list[str] = field(default_factory=list)

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        self.heard += [f"assigned {shard}" for shard in shards]
        return dict.fromkeys(shards)

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        self.heard += [f"revoked {shard}" for shard in shards]


@dataclass(kw_only=True)
class Following:
    """A subscription that has both partitions."""

    broker: Broker
    subscription: PulsarSubscription
    clock: Seconds
    listener: Listener = field(default_factory=Listener)

    def poll(self) -> Mapping[ShardId, Any]:
        return self.subscription.poll(self.listener, seconds_max=0)


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> Following:
    broker, clock = Broker(), Seconds()
    monkeypatch.setattr(pulsar_client, "connect", lambda _: broker)
    following = Following(
        broker=broker, clock=clock, subscription=PulsarSubscription(CONNECTION, clock=clock)
    )
    while following.listener.heard != [f"assigned {ONE}", f"assigned {OTHER}"]:
        following.poll()
    return following


def test_a_listener_that_takes_its_time_costs_no_partition(following: Following) -> None:
    following.clock.now += 20.0

    following.poll()

    assert not [heard for heard in following.listener.heard if heard.startswith("revoked")]


def test_a_partition_that_is_long_without_a_connection_goes(following: Following) -> None:
    following.broker.connected = False
    following.clock.now += pulsar_partition.REJOIN_SECONDS + 1

    following.poll()

    assert following.listener.heard[2:] == [f"revoked {ONE}", f"revoked {OTHER}"]


def test_records_without_a_byte_do_not_keep_a_poll_for_ever(following: Following) -> None:
    following.broker.endless = True

    found = following.poll()

    assert len(found[ONE]) == pulsar_partition.POLL_RECORDS_MAX


def test_the_trouble_of_a_partition_is_told_while_others_go_on(following: Following) -> None:
    following.broker.broken.add(f"{CONNECTION.topic}-partition-0")
    following.subscription.seek(ONE, after=None)
    told, polls_with_records = [], 0
    for _ in range(200):
        following.clock.now += TELL_SECONDS / 50
        try:
            polls_with_records += OTHER in following.poll()
        except OperatingError as error:
            told.append(error.shard)

    assert set(told) == {ONE}
    assert 3 <= len(told) <= 5, "told again and again, and not with each poll"
    assert polls_with_records > 150


def test_a_partition_that_is_read_again_is_no_trouble(following: Following) -> None:
    following.broker.broken.add(f"{CONNECTION.topic}-partition-0")
    following.subscription.seek(ONE, after=None)
    for _ in range(4):
        following.clock.now += 0.5
        following.poll()
    following.broker.broken.clear()
    for _ in range(100):
        following.clock.now += 0.5
        following.poll()

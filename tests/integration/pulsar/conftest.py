"""A topic of its own on the real broker for each test."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from infra.local.brokers.pulsar import LocalPulsar
from pipeline.core.records import Position, ShardId
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar import PulsarSource
from pipeline.sources.pulsar_subscription import PulsarSubscription
from tests.integration.pulsar.topics import Topic
from tests.integration.readers import Reader

EXPIRING = "public/expiring"
"""Its topics keep nothing but what a subscription has not acknowledged."""


def make_namespace(broker: LocalPulsar, name: str, **policies: object) -> None:
    """Make a namespace, once a broker."""
    if name not in broker.admin.ask("GET", "namespaces/public"):
        broker.admin.ask("PUT", f"namespaces/{name}", policies)


def make_topic(broker: LocalPulsar, *, partitions: int = 2, namespace: str = "") -> Topic:
    name = f"t{uuid4().hex[:12]}"
    topic = broker.create_topic(
        f"persistent://{namespace}/{name}" if namespace else name, partitions
    )
    return Topic(
        connection=PulsarConnection(service_url=broker.service_url, topic=topic), broker=broker
    )


@pytest.fixture
def topic(pulsar: LocalPulsar) -> Iterator[Topic]:
    topic = make_topic(pulsar)
    yield topic
    topic.close()


@pytest.fixture
def expiring(pulsar: LocalPulsar) -> Iterator[Topic]:
    """A topic of one partition without retention."""
    nothing = {"retentionTimeInMinutes": 0, "retentionSizeInMB": 0}
    make_namespace(pulsar, EXPIRING, retention_policies=nothing)
    topic = make_topic(pulsar, partitions=1, namespace=EXPIRING)
    yield topic
    topic.close()


@pytest.fixture
def source() -> Iterator[Callable[[Topic], PulsarSource]]:
    made: list[PulsarSource] = []

    def make(topic: Topic) -> PulsarSource:
        made.append(PulsarSource(topic.connection))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def reader() -> Iterator[Callable[..., Reader]]:
    """Make workers' readers of a topic."""
    made: list[PulsarSubscription] = []

    def make(
        topic: Topic, after: dict[ShardId, Position] | None = None, *, settles: bool = True
    ) -> Reader:
        subscription = PulsarSubscription(topic.connection)
        made.append(subscription)
        return Reader(subscription=subscription, after=after or {}, settles=settles)

    yield make
    for subscription in made:
        subscription.close()

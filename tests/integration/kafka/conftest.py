"""A topic of its own on the real broker for each test."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from infra.local.brokers.kafka import LocalKafka
from pipeline.core.records import Position, ShardId
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_subscription import KafkaSubscription
from tests.integration.kafka.topics import Topic
from tests.integration.readers import Reader


@pytest.fixture
def bootstrap_servers(kafka: LocalKafka) -> str:
    return kafka.bootstrap_servers


@pytest.fixture
def topic(bootstrap_servers: str) -> Topic:
    connection = KafkaConnection(
        bootstrap_servers=bootstrap_servers, topic=f"t{uuid4().hex[:12]}", group=uuid4().hex
    )
    topic = Topic(
        connection=connection,
        admin=AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}),
    )
    topic.create()
    return topic


@pytest.fixture
def source(topic: Topic) -> Iterator[KafkaSource]:
    source = KafkaSource(topic.connection)
    yield source
    source.close()


@pytest.fixture
def reader(topic: Topic) -> Iterator[Callable[..., Reader]]:
    """Make readers of the topic's group."""
    made: list[KafkaSubscription] = []

    def make(after: dict[ShardId, Position] | None = None, *, session_seconds: float = 6) -> Reader:
        subscription = KafkaSubscription(
            topic.connection, refresh_seconds=1, session_seconds=session_seconds
        )
        made.append(subscription)
        return Reader(subscription=subscription, after=after or {})

    yield make
    for subscription in made:
        subscription.close()

"""Sign-in by token, as MSK's IAM does it, on a real broker that asks for one over TLS."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from infra.local.brokers.kafka import LocalKafka
from infra.policies_kafka import watch_topic
from pipeline.errors import OperatingError
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.outcomes import Outcome
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_subscription import KafkaSubscription
from tests.integration.kafka.guarded import WORKER, guarded_kafka, token
from tests.integration.kafka.shipments import shipment
from tests.integration.kafka.topics import Topic
from tests.integration.readers import Reader, poll_until
from tests.waiting import until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with guarded_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def topic(broker: LocalKafka) -> Topic:
    connection = KafkaConnection(
        bootstrap_servers=broker.tls_servers,
        topic=f"t{uuid4().hex[:12]}",
        group=uuid4().hex,
        security="iam",
        region="eu-central-1",
        ca_file=broker.ca_file,
    )
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    topic = Topic(connection=connection, admin=admin)
    topic.create(1)
    return topic


@dataclass(kw_only=True)
class Tokens:
    """Tokens that live for some seconds; `broken` when whoever makes them does not answer."""

    seconds: float
    subject: str = WORKER
    made: list[float] = field(default_factory=list)
    broken: bool = False

    def __call__(self) -> tuple[str, float]:
        if self.broken:
            raise ConnectionError("the credentials are not to be had")
        self.made.append(time.time())
        return token(self.subject, seconds=self.seconds)


def test_with_a_token_all_three_clients_work(topic: Topic) -> None:
    tokens = Tokens(seconds=900)
    transport = KafkaTransport(topic.connection, token=tokens)
    assert transport.send([shipment(0, b"a")]) == [Outcome.WRITTEN]
    transport.close()
    source = KafkaSource(topic.connection, token=tokens)
    assert [record.data for record in topic.records(source, 0)] == [b"a"]
    source.close()
    reader = Reader(subscription=KafkaSubscription(topic.connection, token=tokens))
    poll_until(lambda: reader.values(topic.shard(0)) == [b"a"], reader)
    reader.subscription.close()


def test_a_token_that_expires_on_the_way_is_replaced(topic: Topic) -> None:
    tokens = Tokens(seconds=8)
    transport = KafkaTransport(topic.connection, token=tokens)
    reader = Reader(subscription=KafkaSubscription(topic.connection, token=tokens))
    first = time.time()
    sent = 0
    while time.time() < first + 2 * tokens.seconds:
        assert transport.send([shipment(0, b"%d" % sent)]) == [Outcome.WRITTEN]
        sent += 1
        reader.poll(0.1)
    poll_until(lambda: len(reader.values(topic.shard(0))) == sent, reader)
    assert reader.troubles == []
    assert len(tokens.made) > 4
    reader.subscription.close()
    transport.close()


def test_without_a_new_token_work_stops_with_the_reason_and_goes_on_with_one(topic: Topic) -> None:
    tokens = Tokens(seconds=4)
    reader = Reader(subscription=KafkaSubscription(topic.connection, token=tokens))
    poll_until(lambda: reader.held, reader)
    tokens.broken = True
    poll_until(lambda: any("SASL" in str(trouble) for trouble in reader.troubles), reader)
    tokens.broken = False
    transport = KafkaTransport(topic.connection, token=Tokens(seconds=900))
    assert transport.send([shipment(0, b"late")]) == [Outcome.WRITTEN]
    transport.close()
    poll_until(lambda: reader.values(topic.shard(0)) == [b"late"], reader)
    reader.subscription.close()


def test_without_any_token_nothing_begins(topic: Topic) -> None:
    tokens = Tokens(seconds=4, broken=True)
    with pytest.raises(OperatingError, match="cannot sign in to Kafka by IAM: the credentials are"):
        KafkaTransport(topic.connection, token=tokens)


CLUSTER = "arn:aws:kafka:eu-central-1:123456789012:cluster/c/0a1b"
KINDS = {
    "cluster": ResourceType.BROKER,
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
}
OPERATIONS = {
    "DescribeTopic": AclOperation.DESCRIBE,
    "DescribeGroup": AclOperation.DESCRIBE,
    "ReadData": AclOperation.READ,
    "WriteData": AclOperation.WRITE,
    "WriteDataIdempotently": AclOperation.IDEMPOTENT_WRITE,
}
"""What an action of MSK's IAM is to Kafka's own authorizer (MSK guide, "Semantics of IAM
authorization policy actions and resources"); whoever is signed in is connected."""


def let(topic: Topic, subject: str) -> None:
    """Let somebody do what the watcher's role may, and nothing else."""
    statements = watch_topic(CLUSTER, topic=topic.name, group=topic.connection.group)
    rights = [
        AclBinding(
            KINDS[kind],
            "kafka-cluster" if kind == "cluster" else arn.rpartition("/")[2],
            ResourcePatternType.LITERAL,
            f"User:{subject}",
            "*",
            OPERATIONS[name],
            AclPermissionType.ALLOW,
        )
        for statement in statements
        for arn in statement["Resource"]
        for kind in [arn.split(":")[5].partition("/")[0]]
        for action in statement["Action"]
        for name in [action.removeprefix("kafka-cluster:")]
        if name != "Connect"
    ]
    for future in topic.admin.create_acls(rights).values():
        future.result(60)


def test_the_watchers_rights_suffice_to_read_and_to_send_canaries(topic: Topic) -> None:
    tokens = Tokens(seconds=900, subject=uuid4().hex)
    let(topic, tokens.subject)
    transport = until(lambda: allowed(topic, tokens))
    assert transport.send([shipment(0, b"a")]) == [Outcome.WRITTEN]
    transport.close()
    source = KafkaSource(topic.connection, token=tokens)
    assert source.lag(topic.shard(0), after=None) == 1
    assert [record.data for record in topic.records(source, 0)] == [b"a"]
    source.close()


def allowed(topic: Topic, tokens: Tokens) -> KafkaTransport | None:
    """Return a transport once the broker has heard of the rights."""
    try:
        return KafkaTransport(topic.connection, token=tokens)
    except OperatingError:
        return None

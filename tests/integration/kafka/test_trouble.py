"""What is said, in one line and in good time, when a Kafka broker cannot be used."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.brokers.kafka import LocalKafka
from pipeline.errors import OperatingError, UserError
from pipeline.producer.kafka import DELIVERY_SECONDS_MAX, KafkaTransport
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_subscription import KafkaSubscription
from tests.integration.kafka.topics import Topic
from tests.integration.readers import Reader, poll_until

SECONDS_MAX = 4.0


def said_by_source(connection: KafkaConnection) -> str:
    source = KafkaSource(connection, seconds_max=SECONDS_MAX, token=bad_token)
    return said(source.shards)


def said_by_transport(connection: KafkaConnection) -> str:
    return said(lambda: KafkaTransport(connection, seconds_max=SECONDS_MAX, token=bad_token))


def said_by_subscription(connection: KafkaConnection) -> str:
    reader = Reader(subscription=KafkaSubscription(connection, token=bad_token))
    try:
        poll_until(lambda: reader.troubles, reader)
        return str(reader.troubles[0])
    finally:
        reader.subscription.close()


def said(ask: Callable[[], object]) -> str:
    began = time.monotonic()
    with pytest.raises(OperatingError) as trouble:
        ask()
    assert time.monotonic() - began < DELIVERY_SECONDS_MAX
    return str(trouble.value)


def bad_token() -> tuple[str, float]:
    return "not-a-token", time.time() + 900


Said = Callable[[KafkaConnection], str]
each_client = pytest.mark.parametrize(
    "says", [said_by_source, said_by_transport, said_by_subscription]
)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def one_line(text: str, *parts: str) -> None:
    assert "\n" not in text
    for part in parts:
        assert part in text, text


@each_client
def test_a_broker_that_is_down(topic: Topic, says: Said) -> None:
    connection = topic.connection.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    one_line(says(connection), "cannot reach Kafka at 127.0.0.1:1", "refused", "broker runs")


def test_a_broker_that_says_nothing(topic: Topic, silent_port: int) -> None:
    servers = f"127.0.0.1:{silent_port}"
    connection = topic.connection.model_copy(update={"bootstrap_servers": servers})
    for says in (said_by_source, said_by_transport):
        one_line(says(connection), f"cannot reach Kafka at {servers}", "broker runs")


def test_a_name_that_nobody_knows(topic: Topic) -> None:
    connection = topic.connection.model_copy(update={"bootstrap_servers": "kafka.invalid:9092"})
    one_line(said_by_source(connection), "kafka.invalid", "can look up")


@each_client
def test_tls_where_the_broker_has_none(topic: Topic, says: Said) -> None:
    connection = topic.connection.model_copy(update={"security": "tls"})
    one_line(says(connection), "set security to plaintext")


@each_client
def test_no_tls_where_the_broker_wants_it(topic: Topic, kafka: LocalKafka, says: Said) -> None:
    connection = topic.connection.model_copy(update={"bootstrap_servers": kafka.tls_servers})
    one_line(says(connection), "set security to tls")


def test_a_certificate_that_nobody_vouches_for(topic: Topic, kafka: LocalKafka) -> None:
    connection = topic.connection.model_copy(
        update={"bootstrap_servers": kafka.tls_servers, "security": "tls"}
    )
    one_line(said_by_source(connection), "set ca_file")


def test_tls_with_the_right_authority(topic: Topic, kafka: LocalKafka) -> None:
    connection = topic.connection.model_copy(
        update={
            "bootstrap_servers": kafka.tls_servers,
            "security": "tls",
            "ca_file": kafka.ca_file,
        }
    )
    source = KafkaSource(connection)
    assert len(source.shards()) == 2
    source.close()


def test_a_ca_file_that_is_not_there_or_holds_no_certificate(topic: Topic, tmp_path: Path) -> None:
    connection = topic.connection.model_copy(
        update={"security": "tls", "ca_file": tmp_path / "ca.pem"}
    )
    with pytest.raises(UserError, match=r"ca\.pem: no such file; set ca_file"):
        KafkaSource(connection).shards()
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(UserError, match="the Kafka client refuses its settings"):
        KafkaSource(connection).shards()


def test_iam_where_the_broker_knows_no_sign_in(topic: Topic, kafka: LocalKafka) -> None:
    connection = topic.connection.model_copy(
        update={
            "bootstrap_servers": kafka.tls_servers,
            "security": "iam",
            "region": "eu-central-1",
            "ca_file": kafka.ca_file,
        }
    )
    one_line(said_by_source(connection), "SASL", "kafka-cluster:Connect")


@each_client
def test_a_topic_that_is_not_there(topic: Topic, says: Said) -> None:
    connection = topic.connection.model_copy(update={"topic": "missing"})
    one_line(says(connection), "there is no Kafka topic missing at 127.0.0.1")


def test_a_subscription_says_again_what_is_wrong_until_it_is_right(
    topic: Topic, reader: Callable[..., Reader]
) -> None:
    one = reader()
    poll_until(lambda: len(one.held) == 2, one)
    topic.delete()
    poll_until(lambda: len(one.troubles) >= 2 and not one.held, one)
    topic.create()
    topic.send(b"again")
    poll_until(lambda: one.values(topic.shard(0)) == [b"again"], one)


def test_leaving_a_broker_that_is_down_does_not_take_long(topic: Topic) -> None:
    connection = topic.connection.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    subscription = KafkaSubscription(connection)
    Reader(subscription=subscription).poll(0.5)
    closing = threading.Thread(target=subscription.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()

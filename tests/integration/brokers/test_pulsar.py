"""The local Pulsar is a real one: unacknowledged messages, repeats, tokens, TLS, expiry."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pulsar as client_library
import pytest

from infra.local.brokers import pulsar as pulsar_broker
from infra.local.brokers.pulsar import LocalPulsar
from pipeline.errors import OperatingError
from tests.brokers import own_pulsar
from tests.waiting import until

OPERATION_SECONDS_MAX = 5
Connect = Callable[..., Any]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make clients that say little, and close them."""
    made: list[Any] = []

    def make(url: str, *, seconds_max: int = 30, **settings: Any) -> Any:
        logger = client_library.ConsoleLogger(client_library.LoggerLevel.Error)
        one = client_library.Client(
            url, operation_timeout_seconds=seconds_max, logger=logger, **settings
        )
        made.append(one)
        return one

    yield make
    for one in made:
        with suppress(client_library.AlreadyClosed):
            one.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A Pulsar that asks for tokens, with TLS, and that may be killed."""
    folder = tmp_path_factory.mktemp("guarded")
    with own_pulsar(folder, with_tls=True, with_tokens=True) as started:
        started.grant("worker")
        yield started


def as_role(pulsar: LocalPulsar, role: str, **claims: float) -> Any:
    return client_library.AuthenticationToken(pulsar.token(role, **claims))


def subscribe(client: Any, topic: str, *, tries: int = 1) -> Any:
    """Subscribe; a broker that has only just begun to serve may need a second question."""
    failover = client_library.ConsumerType.Failover
    for left in reversed(range(tries)):
        with suppress(client_library.Timeout) if left else nullcontext():
            return client.subscribe(topic, "reader", consumer_type=failover)
    raise AssertionError("unreachable: the last try returns or raises")


def test_a_repeat_of_a_sequence_id_is_taken_once(pulsar: LocalPulsar, connect: Connect) -> None:
    topic = pulsar.create_topic("repeats")
    client = connect(pulsar.service_url)
    consumer = subscribe(client, topic)
    producer = client.create_producer(topic, producer_name="one")
    for sequence_id in (1, 2, 2, 1, 3):
        producer.send(b"%d" % sequence_id, sequence_id=sequence_id)
    assert [consumer.receive(60_000).data() for _ in range(3)] == [b"1", b"2", b"3"]
    with pytest.raises(client_library.Timeout):
        consumer.receive(300)


def test_a_topic_that_nobody_made_is_refused(pulsar: LocalPulsar, connect: Connect) -> None:
    client = connect(pulsar.service_url)
    with pytest.raises(client_library.TopicNotFound):
        client.create_producer("persistent://public/default/nobody-made-it")


def test_partitions_can_be_added(pulsar: LocalPulsar, connect: Connect) -> None:
    topic = pulsar.create_topic("grows", 2)
    pulsar.add_partitions("grows", 4)
    assert len(connect(pulsar.service_url).get_topic_partitions(topic)) == 4
    with pytest.raises(OperatingError, match="can't be less than the current partitions"):
        pulsar.add_partitions("grows", 3)


def test_what_has_expired_and_is_acknowledged_is_gone(
    pulsar: LocalPulsar, connect: Connect
) -> None:
    topic = pulsar.create_topic("expires")
    client = connect(pulsar.service_url)
    producer, consumer = client.create_producer(topic), subscribe(client, topic)
    for _ in range(5):
        producer.send(b"old")
    for _ in range(5):
        consumer.acknowledge(consumer.receive(60_000))
    assert pulsar.held("expires", 0) == 5
    pulsar.expire("expires", 0)
    producer.send(b"new")
    while (message := consumer.receive(60_000)).data() != b"new":
        consumer.acknowledge(message)
    consumer.acknowledge(message)
    until(lambda: pulsar.held("expires", 0) <= 1, what="the old ledger's end")


def test_the_listener_with_tls_shows_a_certificate_that_a_client_can_check(
    pulsar: LocalPulsar, connect: Connect
) -> None:
    topic = pulsar.create_topic("secret")
    trusted = connect(
        pulsar.tls_url,
        tls_trust_certs_file_path=str(pulsar.ca_file),
        tls_validate_hostname=True,
    )
    trusted.create_producer(topic).send(b"over TLS")


def test_unacknowledged_messages_are_back_after_a_kill_on_the_same_ports(
    guarded: LocalPulsar, connect: Connect
) -> None:
    topic = guarded.create_topic("kept")
    role = as_role(guarded, "worker")
    first = connect(guarded.service_url, authentication=role)
    subscribe(first, topic)
    producer = first.create_producer(topic)
    for number in range(100):
        producer.send(b"%d" % number)
    first.close()
    guarded.kill()
    assert guarded.pid is None
    guarded.restart()
    assert pulsar_broker.running(guarded.folder) == guarded
    second = connect(guarded.service_url, authentication=role)
    consumer = subscribe(second, topic, tries=4)
    assert [consumer.receive(60_000).data() for _ in range(100)] == [
        b"%d" % number for number in range(100)
    ]


def test_a_role_without_the_right_is_refused_at_once(
    guarded: LocalPulsar, connect: Connect
) -> None:
    topic = guarded.create_topic("refuses")
    stranger = connect(guarded.service_url, authentication=as_role(guarded, "stranger"))
    with pytest.raises(client_library.AuthorizationError):
        stranger.create_producer(topic)


def test_an_expired_token_is_not_let_in(guarded: LocalPulsar, connect: Connect) -> None:
    topic = guarded.create_topic("expired")
    late = connect(
        guarded.service_url,
        seconds_max=1,
        authentication=as_role(guarded, "worker", expires_seconds=-5),
    )
    with pytest.raises(client_library.Timeout):
        late.create_producer(topic)


def test_a_token_that_expires_under_way_ends_the_connection(
    guarded: LocalPulsar, connect: Connect
) -> None:
    topic = guarded.create_topic("expires")
    client = connect(
        guarded.service_url,
        authentication=as_role(guarded, "worker", expires_seconds=8),
    )
    producer = client.create_producer(topic, send_timeout_millis=4_000)
    sent: list[object] = []

    def expired() -> bool:
        sent.append(producer.send(b"more"))
        return False

    with pytest.raises(client_library.Timeout):
        until(expired)
    assert sent, "it was let in at first"

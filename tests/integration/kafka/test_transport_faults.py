"""Kafka records through lost answers, a client that gives up and a broker that goes away."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from threading import Event, Thread
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.producer import kafka
from pipeline.producer.answers import Answered
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.outcomes import Outcome
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_subscription import KafkaSubscription
from tests.integration.kafka.proxied import Proxied, proxied_kafka
from tests.integration.kafka.shipments import shipment
from tests.integration.kafka.topics import Topic, lines_in
from tests.integration.kafka.wire import UNKNOWN_PRODUCER_ID, fail_with, lose
from tests.integration.readers import Reader, poll_until
from tests.waiting import until

DELIVERY_SECONDS_MAX = 3.0


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A broker of this module's own."""
    with proxied_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def topic(proxied: Proxied) -> Topic:
    servers = proxied.kafka.bootstrap_servers
    topic = Topic(
        connection=KafkaConnection(bootstrap_servers=servers, topic=f"t{uuid4().hex[:12]}"),
        admin=AdminClient({"bootstrap.servers": servers, "log_level": 0}),
    )
    topic.create(1)
    return topic


@pytest.fixture
def transport(topic: Topic) -> Iterator[KafkaTransport]:
    transport = KafkaTransport(topic.connection)
    yield transport
    transport.close()


@pytest.fixture
def hasty(topic: Topic) -> Iterator[KafkaTransport]:
    """A transport that soon gives up waiting for an answer."""
    transport = KafkaTransport(topic.connection, delivery_seconds_max=DELIVERY_SECONDS_MAX)
    yield transport
    transport.close()


def stored(topic: Topic) -> list[bytes]:
    source = KafkaSource(topic.connection)
    try:
        return [record.data for record in topic.records(source, 0)]
    finally:
        source.close()


def test_a_record_whose_answer_was_lost_is_stored_once(
    proxied: Proxied, topic: Topic, transport: KafkaTransport
) -> None:
    proxied.proxy.rules.extend([lose, lose])
    lost = proxied.proxy.lost
    assert transport.send([shipment(0, b"a")]) == [Outcome.WRITTEN]
    assert proxied.proxy.lost == lost + 2
    assert transport.send([shipment(0, b"b")]) == [Outcome.WRITTEN]
    assert stored(topic) == [b"a", b"b"]


def test_a_record_that_is_never_answered_is_unknown_and_its_retry_keeps_the_order(
    proxied: Proxied, topic: Topic, hasty: KafkaTransport
) -> None:
    proxied.proxy.loses_all = True
    began = time.monotonic()
    assert hasty.send([shipment(0, b"a"), shipment(1, b"other")]) == [Outcome.UNKNOWN] * 2
    assert time.monotonic() - began < kafka.DELIVERY_SECONDS_MAX
    proxied.proxy.loses_all = False
    for data in (b"a", b"b"):
        until(lambda data=data: hasty.send([shipment(0, data)]) == [Outcome.WRITTEN])
    found = [data for data in stored(topic) if data != b"other"]
    assert list(dict.fromkeys(found)) == [b"a", b"b"], "what came first came first"
    assert found[-1] == b"b"


def test_a_client_with_a_fatal_error_is_replaced(
    proxied: Proxied, topic: Topic, transport: KafkaTransport
) -> None:
    """The broker forgets the producer between a lost answer and the client's repetition."""
    proxied.proxy.rules.extend([lose, fail_with(UNKNOWN_PRODUCER_ID, topic.name)])
    assert transport.send([shipment(0, b"a")]) == [Outcome.UNKNOWN]
    assert transport.send([shipment(0, b"a")]) == [Outcome.WRITTEN]
    assert transport.send([shipment(0, b"b")]) == [Outcome.WRITTEN]
    assert stored(topic) == [b"a", b"a", b"b"]


def test_a_broker_that_goes_away_and_comes_back_costs_no_event_and_no_order(
    proxied: Proxied, topic: Topic
) -> None:
    answers: list[Answered[int]] = []
    settings = ProducerSettings(lanes=4, linger_ms=5)
    transport = KafkaTransport(topic.connection, delivery_seconds_max=DELIVERY_SECONDS_MAX)
    reader = Reader(subscription=KafkaSubscription(topic.connection, session_seconds=6))
    stop = Event()
    sent = 0
    with Producer(transport, settings, answers.append) as producer:

        def send() -> None:
            nonlocal sent
            while not stop.wait(0.005):
                body = b'{"n": %d}' % sent
                producer.put(table="flights", key=f"k{sent % 5}", body=body, tag=sent)
                sent += 1

        sender = Thread(target=send)
        sender.start()
        try:
            poll_until(lambda: sent >= 100, reader)
            proxied.kafka.kill()
            poll_until(lambda: sent >= 200, reader)
            proxied.kafka.restart()
            poll_until(lambda: sent >= 300, reader)
        finally:
            stop.set()
            sender.join()
    assert sorted(tag for answer in answers for tag in answer.tags) == list(range(sent))
    assert {answer.outcome for answer in answers} == {Outcome.WRITTEN}
    whole = stored(topic)
    poll_until(lambda: len(reader.values(topic.shard(0))) >= len(whole), reader)
    assert reader.values(topic.shard(0)) == whole
    reader.subscription.close()
    firsts: dict[int, list[int]] = defaultdict(list)
    for number in dict.fromkeys(numbers(whole)):
        firsts[number % 5].append(number)
    assert {key: found == sorted(found) for key, found in firsts.items()} == dict.fromkeys(
        range(5), True
    )
    assert sum(map(len, firsts.values())) == sent


def numbers(records: list[bytes]) -> Iterator[int]:
    """Yield the numbers of the events in records, copies included."""
    for line in lines_in(records):
        yield json.loads(line)["n"]

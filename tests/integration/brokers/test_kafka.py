"""The local Kafka is a real one: its clock, its refusals, its crashes, its owner's end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.local import processes
from infra.local.brokers import kafka as kafka_broker
from infra.local.brokers.kafka import LocalKafka
from tests import brokers
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
LONG_AGO_MS = 1_000_000_000_000
OWNER = """
import sys
from pathlib import Path
from infra.local.brokers import kafka
print(kafka.start(Path(sys.argv[1]), light=True).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A Kafka that the test may kill."""
    with brokers.own_kafka(tmp_path / "kafka") as started:
        yield started


def produce(servers: str, topic: str, count: int, **settings: str | int) -> list[Message]:
    """Send as a careful producer does; return what the broker acknowledged."""
    producer = Producer(
        {"bootstrap.servers": servers, "enable.idempotence": True, "log_level": 0, **settings}
    )
    acknowledged: list[Message] = []

    def take(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        acknowledged.append(message)

    for number in range(count):
        producer.produce(topic, b"%d" % number, timestamp=LONG_AGO_MS, on_delivery=take)
    assert producer.flush(60) == 0
    return acknowledged


def read(kafka: LocalKafka, topic: str, count: int) -> list[Message]:
    """Return the first messages of a topic's only partition."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "reader"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[Message] = []

        def consume() -> None:
            found.extend(consumer.consume(count - len(found), timeout=1.0))

        until(lambda: len(found) == count, meanwhile=consume)
        assert all(message.error() is None for message in found)
        return found
    finally:
        consumer.close()


def test_a_messages_time_is_the_brokers_whatever_the_producer_says(kafka: LocalKafka) -> None:
    kafka.create_topic("clock")
    before_ms = time.time() * 1000 - 1000
    produce(kafka.bootstrap_servers, "clock", 1)
    [message] = read(kafka, "clock", 1)
    assert before_ms < message.timestamp()[1] < time.time() * 1000 + 1000


def test_a_topic_that_nobody_made_is_refused(kafka: LocalKafka) -> None:
    asker = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    error = asker.list_topics("nobody-made-it", timeout=60).topics["nobody-made-it"].error
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "nobody-made-it" not in asker.list_topics(timeout=60).topics


def test_partitions_can_be_added_and_old_messages_can_expire(kafka: LocalKafka) -> None:
    kafka.create_topic("grows", 1)
    produce(kafka.bootstrap_servers, "grows", 10)
    kafka.add_partitions("grows", 3)
    kafka.expire("grows", 0, 4)
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "looks"})
    assert len(consumer.list_topics("grows", timeout=60).topics["grows"].partitions) == 3
    assert consumer.get_watermark_offsets(TopicPartition("grows", 0), timeout=60) == (4, 10)
    consumer.close()


def test_the_listener_with_tls_shows_a_certificate_that_a_client_can_check(
    kafka: LocalKafka,
) -> None:
    kafka.create_topic("secret")
    trusted = {"security.protocol": "ssl", "ssl.ca.location": str(kafka.ca_file)}
    assert len(produce(kafka.tls_servers, "secret", 5, **trusted)) == 5
    distrusting = Producer(
        {"bootstrap.servers": kafka.tls_servers, "security.protocol": "ssl", "log_level": 0}
    )
    with pytest.raises(KafkaException):
        distrusting.list_topics(timeout=2)


def test_what_was_acknowledged_survives_a_kill_on_the_same_ports(own_kafka: LocalKafka) -> None:
    own_kafka.create_topic("kept")
    assert len(produce(own_kafka.bootstrap_servers, "kept", 100)) == 100
    own_kafka.kill()
    assert own_kafka.pid is None
    own_kafka.restart()
    assert kafka_broker.running(own_kafka.folder) == own_kafka
    assert [message.value() for message in read(own_kafka, "kept", 100)] == [
        b"%d" % number for number in range(100)
    ]


def test_a_broker_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    brokers.require("kafka")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "kafka")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    broker = processes.find(int(owner.stdout.readline()))
    assert broker is not None
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate(timeout=60)
    until(lambda: not processes.alive(broker), what="the broker's end")
    assert kafka_broker.running(tmp_path / "kafka") is None

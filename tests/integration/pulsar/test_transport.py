"""What a producer's transport proves about each record, on the real broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from infra.local.brokers.pulsar import LocalPulsar
from infra.local.brokers.pulsar_admin import path_of
from pipeline.errors import OperatingError
from pipeline.producer.outcomes import Outcome
from pipeline.producer.producer import Producer
from pipeline.producer.pulsar import PulsarTransport
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar import PulsarSource
from tests.integration.pulsar.conftest import make_namespace, make_topic
from tests.integration.pulsar.shipments import shipment
from tests.integration.pulsar.topics import Topic
from tests.waiting import until

Transports = Callable[..., PulsarTransport]
Sources = Callable[[Topic], PulsarSource]


@pytest.fixture
def transport() -> Iterator[Transports]:
    made: list[PulsarTransport] = []

    def make(topic: Topic, send_seconds_max: float = 10.0) -> PulsarTransport:
        made.append(PulsarTransport(topic.connection, send_seconds_max=send_seconds_max))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def stored(source: PulsarSource, topic: Topic, partition: int = 0) -> list[bytes]:
    found = source.read_after(topic.shard(partition), after=None, origin=None, records_max=10_000)
    return [record.data for record in found.records]


def test_each_lane_has_its_partition_and_keeps_its_order(
    topic: Topic, transport: Transports, source: Sources
) -> None:
    sender = transport(topic)
    for number in range(3):
        batch = [shipment(b"%d of %d" % (number, lane), lane) for lane in range(4)]
        assert sender.send(batch) == [Outcome.WRITTEN] * 4
    for partition in (0, 1):
        found = stored(source(topic), topic, partition)
        for lane in (partition, partition + 2):
            of_lane = [data for data in found if data.endswith(b"of %d" % lane)]
            assert of_lane == [b"%d of %d" % (number, lane) for number in range(3)]


def test_a_record_bears_its_lanes_partition_key(
    topic: Topic, transport: Transports, source: Sources
) -> None:
    sent = shipment(b"record", 2)
    transport(topic).send([sent])
    found = source(topic).read_after(topic.shard(0), after=None, origin=None, records_max=1)
    assert found.records[0].partition_key == sent.address.partition_key


def test_a_record_whose_answer_was_lost_is_sent_again_and_stored_once(
    topic: Topic, transport: Transports, source: Sources
) -> None:
    sender = transport(topic, send_seconds_max=1.5)
    first, again, last = (shipment(data) for data in (b"0", b"1", b"2"))
    until(lambda: sender.send([first]) == [Outcome.WRITTEN])
    pid = topic.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        assert sender.send([again]) == [Outcome.UNKNOWN]
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: sender.send([again]) == [Outcome.WRITTEN])
    until(lambda: sender.send([last]) == [Outcome.WRITTEN])
    assert stored(source(topic), topic) == [b"0", b"1", b"2"]


def test_a_lanes_retry_is_no_copy_of_what_another_lane_sent_meanwhile(
    topic: Topic, transport: Transports, source: Sources
) -> None:
    """Were both lanes' sequence ids one producer's, the broker would drop the later one."""
    sender = transport(topic)
    assert sender.send([shipment(b"a", 0)]) == [Outcome.WRITTEN]
    for number in range(5):
        assert sender.send([shipment(b"b%d" % number, 2)]) == [Outcome.WRITTEN]
    assert sender.send([shipment(b"c", 0)]) == [Outcome.WRITTEN]
    assert stored(source(topic), topic)[-1] == b"c"


def test_a_record_above_the_brokers_largest_message_goes_in_chunks(
    topic: Topic, transport: Transports, source: Sources
) -> None:
    large = os.urandom(6_000_000)
    assert transport(topic).send([shipment(large)]) == [Outcome.WRITTEN]
    assert stored(source(topic), topic) == [large]


def test_a_full_backlog_throttles_and_what_was_refused_comes_once(
    pulsar: LocalPulsar, transport: Transports, source: Sources
) -> None:
    namespace = "public/quota"
    limits = {"limitSize": 20_000, "policy": "producer_request_hold"}
    make_namespace(pulsar, namespace)
    pulsar.admin.ask("POST", f"namespaces/{namespace}/backlogQuota", limits)
    topic = make_topic(pulsar, partitions=1, namespace=namespace)
    consumer = topic.client.subscribe(topic.partition(0), "slow")
    sender = transport(topic, send_seconds_max=1.0)
    number = 0
    outcomes: list[Outcome] = []
    waiting = shipment(b"0")

    def send() -> Outcome:
        nonlocal number, waiting
        outcomes.append(sender.send([waiting])[0])
        if outcomes[-1] is Outcome.WRITTEN:
            number += 1
            waiting = shipment(b"%d" % number + b" " * 2_000)
        return outcomes[-1]

    until(lambda: send() is Outcome.THROTTLED)
    until(lambda: send() is Outcome.THROTTLED)
    topic.ask("POST", f"subscription/{consumer.subscription_name()}/skip_all")
    until(lambda: send() is Outcome.WRITTEN)
    found = stored(source(topic), topic)
    assert [int(data.split()[0]) for data in found] == list(range(number))
    topic.close()


def test_a_schema_that_the_namespace_enforces_is_refused_in_one_line(pulsar: LocalPulsar) -> None:
    namespace = "public/schemas"
    make_namespace(pulsar, namespace, schema_validation_enforced=True)
    topic = make_topic(pulsar, partitions=1, namespace=namespace)
    schema = {
        "type": "JSON",
        "schema": '{"type":"record","name":"Flight","fields":[{"name":"id","type":"string"}]}',
        "properties": {},
    }
    path = path_of(topic.connection.topic).replace("persistent/", "schemas/", 1)
    pulsar.admin.ask("POST", f"{path}-partition-0/schema", schema)
    with pytest.raises(OperatingError, match="has a schema in Pulsar's registry"):
        PulsarTransport(topic.connection)


def test_a_missing_topic_is_named_at_once(pulsar: LocalPulsar) -> None:
    missing = PulsarConnection(
        service_url=pulsar.service_url, topic="persistent://public/default/missing"
    )
    with pytest.raises(OperatingError, match="no topic persistent://public/default/missing"):
        PulsarTransport(missing)


def test_a_producer_sends_by_it_and_every_event_is_answered(
    topic: Topic, transport: Transports
) -> None:
    answers: list[str] = []
    with Producer(
        transport(topic),
        ProducerSettings(linger_ms=5),
        lambda answered: answers.extend([answered.answer] * len(answered.tags)),
    ) as producer:
        for number in range(500):
            producer.put(table="t", key=f"k{number % 50}", body=b'{"a":1}', tag=number)
    assert answers == ["acknowledged"] * 500


UNDER_GEVENT = """
import gevent.monkey; gevent.monkey.patch_all()
import sys, gevent
from pipeline.producer.pulsar import PulsarTransport
from pipeline.sources.connections import PulsarConnection
from tests.integration.pulsar.shipments import shipment
transport = PulsarTransport(PulsarConnection(service_url=sys.argv[1], topic=sys.argv[2]))
turns = 0
def others():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)
gevent.spawn(others)
def send(lane):
    before = turns
    outcomes = transport.send([shipment(b"x", lane)])
    assert turns > before, "nobody else had a turn"
    return outcomes
senders = [gevent.spawn(send, lane) for lane in range(8)]
gevent.joinall(senders, timeout=120, raise_error=True)
print(*[outcome for sender in senders for outcome in sender.value])
transport.close()
"""


def test_it_lets_others_work_under_gevent(topic: Topic) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT, topic.connection.service_url, topic.connection.topic],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.split() == ["written"] * 8, done.stderr

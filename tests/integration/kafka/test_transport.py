"""Sealed records on their way to a real Kafka topic."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import OperatingError
from pipeline.producer.answers import Answered
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.outcomes import Outcome
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.kafka import KafkaSource
from tests.integration.kafka.shipments import LANES, shipment
from tests.integration.kafka.topics import Topic, lines_in


@pytest.fixture
def transport(topic: Topic) -> Iterator[KafkaTransport]:
    transport = KafkaTransport(topic.connection)
    yield transport
    transport.close()


def test_each_lane_writes_to_a_partition_of_its_own(
    topic: Topic, source: KafkaSource, transport: KafkaTransport
) -> None:
    batch = [shipment(lane, b"of lane %d" % lane) for lane in range(LANES)]
    assert transport.send(batch) == [Outcome.WRITTEN] * LANES
    for partition in (0, 1):
        found = topic.records(source, partition)
        assert {record.data for record in found} == {
            b"of lane %d" % lane for lane in range(LANES) if lane % 2 == partition
        }
        assert {record.partition_key for record in found} == {
            batch[lane].address.partition_key for lane in range(LANES) if lane % 2 == partition
        }


def test_new_partitions_move_no_lane(
    topic: Topic, source: KafkaSource, transport: KafkaTransport
) -> None:
    topic.grow(4)
    assert transport.send([shipment(2, b"even")]) == [Outcome.WRITTEN]
    assert [record.data for record in topic.records(source, 0)] == [b"even"]


def test_a_record_that_is_too_large_is_rejected_and_the_others_are_written(
    topic: Topic, source: KafkaSource, transport: KafkaTransport
) -> None:
    batch = [shipment(0, b"a"), shipment(1, bytes(2_000_000)), shipment(2, b"c")]
    assert transport.send(batch) == [Outcome.WRITTEN, Outcome.REJECTED, Outcome.WRITTEN]
    assert {record.data for record in topic.records(source, 0)} == {b"a", b"c"}


def test_a_record_too_large_for_the_topic_is_rejected_by_the_broker(topic: Topic) -> None:
    topic.recreate({"max.message.bytes": "100000"})
    transport = KafkaTransport(topic.connection)
    batch = [shipment(0, bytes(200_000)), shipment(1, bytes(90_000))]
    assert transport.send(batch) == [Outcome.REJECTED, Outcome.WRITTEN]
    transport.close()


def test_the_largest_record_of_ours_fits(transport: KafkaTransport) -> None:
    assert transport.send([shipment(0, bytes(1_048_000))]) == [Outcome.WRITTEN]


def test_many_senders_share_it(
    topic: Topic, source: KafkaSource, transport: KafkaTransport
) -> None:
    def send(lane: int) -> None:
        for number in range(25):
            assert transport.send([shipment(lane, b"%d" % number)]) == [Outcome.WRITTEN]

    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(send, range(LANES)))
    for lane in range(LANES):
        key = shipment(lane, b"").address.partition_key
        found = [r.data for r in topic.records(source, lane % 2) if r.partition_key == key]
        assert found == [b"%d" % number for number in range(25)]


def test_a_deleted_topic_leaves_records_unsent(topic: Topic) -> None:
    transport = KafkaTransport(topic.connection, delivery_seconds_max=3)
    topic.delete()
    outcome = transport.send([shipment(0, b"a")])[0]
    assert outcome in (Outcome.UNSENT, Outcome.UNKNOWN)
    transport.close()


def test_a_missing_topic_is_told_at_once(topic: Topic) -> None:
    connection = topic.connection.model_copy(update={"topic": "missing"})
    with pytest.raises(OperatingError, match="there is no Kafka topic missing"):
        KafkaTransport(connection)
    assert "missing" not in topic.admin.list_topics(timeout=60).topics


def test_a_producer_sends_events_that_the_core_reads(topic: Topic, source: KafkaSource) -> None:
    answers: list[Answered[int]] = []
    settings = ProducerSettings(lanes=4, linger_ms=5)
    with Producer(KafkaTransport(topic.connection), settings, answers.append) as producer:
        for number in range(100):
            body = b'{"n": %d}' % number
            producer.put(table="flights", key=f"k{number % 7}", body=body, tag=number)
    assert sorted(tag for answer in answers for tag in answer.tags) == list(range(100))
    assert {answer.outcome for answer in answers} == {Outcome.WRITTEN}
    records = (record.data for part in (0, 1) for record in topic.records(source, part))
    assert sorted(lines_in(records)) == sorted(b'{"n": %d}' % number for number in range(100))


def test_it_works_where_gevent_has_patched_threads_and_sockets(topic: Topic) -> None:
    """Other greenlets run while a send waits for its answers."""
    program = f"""
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from pipeline.producer.kafka import KafkaTransport
        from pipeline.producer.producer import Producer
        from pipeline.producer.settings import ProducerSettings
        from pipeline.sources.connections import KafkaConnection

        connection = KafkaConnection(
            bootstrap_servers="{topic.connection.bootstrap_servers}", topic="{topic.name}"
        )
        turns, shares, answers = [], [], []
        def other():
            while True:
                turns.append(1)
                gevent.sleep(0)
        class Watched(KafkaTransport):
            def send(self, batch):
                before = len(turns)
                outcomes = super().send(batch)
                shares.append(len(turns) - before)
                return outcomes
        gevent.spawn(other)
        def note(answer):
            answers.extend([answer.answer.value] * len(answer.tags))
        settings = ProducerSettings(linger_ms=1)
        with Producer(Watched(connection), settings, note) as producer:
            for number in range(500):
                producer.put(table="t", key=str(number), body=b"{{}}", tag=number)
        assert answers == ["acknowledged"] * 500, answers
        assert shares and all(shares), shares
    """
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], check=True, timeout=180
    )

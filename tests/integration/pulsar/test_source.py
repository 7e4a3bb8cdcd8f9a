"""What the protocol reads of a Pulsar topic by position, on the real broker."""

import json
import os
from collections.abc import Callable

import pulsar as client
import pytest
from pulsar import schema

from infra.local.brokers.pulsar_admin import path_of
from pipeline.core.records import Position
from pipeline.errors import OperatingError
from pipeline.ledger.state import Slice
from pipeline.sources.pulsar import PulsarSource
from pipeline.sources.pulsar_position import MessagePlace, pack, unpack
from tests.integration.pulsar.topics import Topic, numbered
from tests.integration.readers import Reader, poll_until
from tests.waiting import until

Sources = Callable[[Topic], PulsarSource]
LARGE_BYTES = 6_000_000


def read(
    source: PulsarSource,
    topic: Topic,
    after: Position | None = None,
    *,
    origin: Position | None = None,
    most: int = 100,
) -> Slice:
    return source.read_after(topic.shard(0), after=after, origin=origin, records_max=most)


def values(found: Slice) -> list[bytes]:
    return [record.data for record in found.records]


def test_each_partition_is_a_shard(topic: Topic, source: Sources) -> None:
    assert [info.shard for info in source(topic).shards()] == [topic.shard(0), topic.shard(1)]


def test_a_topic_is_read_from_its_oldest_message_in_order(topic: Topic, source: Sources) -> None:
    topic.send(*numbered(0, 40), key="k")
    found = read(source(topic), topic)
    assert values(found) == numbered(0, 40)
    assert found.at_tip
    assert {record.partition_key for record in found.records} == {"k"}
    positions = [record.position for record in found.records]
    assert positions == sorted(set(positions))


def test_what_follows_a_position_is_read_and_the_position_is_held(
    topic: Topic, source: Sources
) -> None:
    topic.send(*numbered(0, 60))
    everything = read(source(topic), topic).records
    found = read(source(topic), topic, everything[49].position, most=5)
    assert found == Slice(records=everything[50:55], held=True)
    tip = read(source(topic), topic, everything[-1].position)
    assert tip == Slice(at_tip=True, held=True)


def test_an_origin_is_read_itself(topic: Topic, source: Sources) -> None:
    topic.send(*numbered(0, 10))
    everything = read(source(topic), topic).records
    found = read(source(topic), topic, origin=everything[4].position)
    assert found.records == everything[4:]


def test_an_empty_partition_ends_at_its_tip(topic: Topic, source: Sources) -> None:
    assert read(source(topic), topic) == Slice(at_tip=True)


@pytest.mark.parametrize("compression", ["NONE", "LZ4", "ZSTD"])
def test_another_producers_batches_are_read_message_by_message(
    compression: str, topic: Topic, source: Sources
) -> None:
    batching = topic.client.create_producer(
        topic.partition(0),
        batching_enabled=True,
        batching_max_publish_delay_ms=100,
        compression_type=getattr(client.CompressionType, compression),
    )
    for value in numbered(0, 10):
        batching.send_async(value, lambda result, _: None)
    batching.flush()
    found = read(source(topic), topic).records
    assert [record.data for record in found] == numbered(0, 10)
    assert len({unpack(record.position).entry for record in found}) < 10
    assert read(source(topic), topic, found[4].position).records == found[5:]


class Departure(schema.Record):  # type: ignore[misc]
    """An event as its producer declares it to Pulsar's registry; ours are in its contract."""

    type = schema.String()
    id = schema.String()
    flight = schema.Integer()


class InOneLine(schema.JsonSchema):  # type: ignore[misc]
    """Pulsar's JSON schema, its messages written as Java's client does: Python's own breaks lines,
    and a line is an event (`pipeline.core.lines`).
    """

    def encode(self, obj: Departure) -> bytes:
        return json.dumps(json.loads(super().encode(obj))).encode()


def test_messages_with_a_schema_of_pulsars_registry_are_read_as_the_events_they_are(
    topic: Topic, source: Sources, reader: Callable[..., Reader]
) -> None:
    declared = topic.client.create_producer(topic.partition(0), schema=InOneLine(Departure))
    for number in range(3):
        declared.send(Departure(type="departures", id=f"e{number}", flight=number))
    topic.send(b'{"id": "of a producer that declares nothing"}')
    path = path_of(topic.partition(0)).replace("persistent/", "schemas/", 1)
    assert topic.broker.admin.ask("GET", f"{path}/schema")["type"] == "JSON"
    found = values(read(source(topic), topic))
    assert [json.loads(value) for value in found[:3]] == [
        {"type": "departures", "id": f"e{number}", "flight": number} for number in range(3)
    ]
    assert not any(b"\n" in value for value in found)
    worker = reader(topic)
    poll_until(lambda: worker.values(topic.shard(0)) == found, worker)
    assert len(found) == 4


def test_a_large_message_comes_whole_and_lies_where_its_last_chunk_does(
    topic: Topic, source: Sources
) -> None:
    large = os.urandom(LARGE_BYTES)
    topic.send(b"before", large, b"after")
    before, whole, after = read(source(topic), topic).records
    assert whole.data == large
    assert unpack(whole.position).entry == unpack(before.position).entry + 2
    follows = read(source(topic), topic, before.position, most=1)
    assert follows.records == (whole,)
    at_it = read(source(topic), topic, whole.position)
    assert at_it == Slice(records=(after,), at_tip=True, held=True)


def test_the_chunks_of_a_message_may_lie_on_both_sides_of_a_position(
    topic: Topic, source: Sources
) -> None:
    large = os.urandom(3 * LARGE_BYTES)
    chunked = topic.client.create_producer(topic.partition(0), chunking_enabled=True)
    answers: list[client.Result] = []
    chunked.send_async(large, lambda result, _: answers.append(result))
    topic.send(*numbered(0, 20))
    until(lambda: answers)
    found = read(source(topic), topic).records
    whole = next(record for record in found if record.data == large)
    for record in found:
        if record.position < whole.position:
            follows = read(source(topic), topic, record.position)
            assert whole in follows.records


def test_the_committed_message_of_an_idle_partition_stays(
    expiring: Topic, source: Sources, reader: Callable[..., Reader]
) -> None:
    worker = reader(expiring)
    expiring.send(*numbered(0, 10))
    poll_until(lambda: len(worker.values(expiring.shard(0))) == 10, worker)
    committed = worker.after[expiring.shard(0)]
    poll_until(lambda: expiring.backlog() == 1, worker)
    expiring.roll()
    expiring.send(b"later")
    expiring.trim()
    poll_until(lambda: worker.values(expiring.shard(0))[-1] == b"later", worker)
    found = read(source(expiring), expiring, committed)
    assert (values(found), found.held) == ([b"later"], True)


def test_a_position_whose_ledger_is_gone_is_not_held(expiring: Topic, source: Sources) -> None:
    subscription = expiring.client.subscribe(expiring.partition(0), "other")
    expiring.send(*numbered(0, 10))
    committed = read(source(expiring), expiring).records[4].position
    expiring.roll()
    expiring.send(b"later")
    for _ in range(11):
        subscription.acknowledge(subscription.receive(60_000))
    gone = unpack(committed).ledger

    def trimmed() -> bool:
        expiring.trim()
        return gone not in expiring.ledgers()

    until(trimmed)
    found = read(source(expiring), expiring, committed)
    assert (values(found), found.held) == ([b"later"], False)


def test_a_topic_that_was_replaced_is_refused_and_not_taken_for_idle(
    topic: Topic, source: Sources
) -> None:
    topic.send(*numbered(0, 3))
    ahead = pack(MessagePlace(2**40, 0))
    with pytest.raises(OperatingError, match="replaced") as caught:
        read(source(topic), topic, ahead)
    assert not caught.value.retryable


def test_fewer_partitions_than_the_ledger_knows_are_refused(topic: Topic) -> None:
    source = PulsarSource(topic.connection, known=lambda: (topic.shard(0), topic.shard(7)))
    try:
        with pytest.raises(OperatingError, match=f"2 partitions.*{topic.shard(7)}"):
            source.shards()
    finally:
        source.close()


def test_nothing_is_discarded_on_the_way(topic: Topic, source: Sources) -> None:
    assert source(topic).on_failure(topic.shard(0), after=None, before=Position(1)) == ()

"""What the protocol reads of a Kafka topic by position, on the real broker."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.core.records import Position
from pipeline.errors import OperatingError, UserError
from pipeline.ledger.state import Slice
from pipeline.sources.kafka import KafkaSource
from tests.integration.kafka.topics import Topic, numbered
from tests.waiting import until

FEW = 100


def read(
    source: KafkaSource,
    topic: Topic,
    after: int | None,
    *,
    origin: int | None = None,
    most: int = FEW,
) -> Slice:
    return source.read_after(
        topic.shard(0),
        after=None if after is None else Position(after),
        origin=None if origin is None else Position(origin),
        records_max=most,
    )


def positions(found: Slice) -> list[int]:
    return [record.position for record in found.records]


def test_it_lists_each_partition_by_topic_and_number(topic: Topic, source: KafkaSource) -> None:
    assert [info.shard for info in source.shards()] == [topic.shard(0), topic.shard(1)]
    topic.grow(3)
    until(lambda: len(source.shards()) == 3)


def test_a_record_has_the_key_the_bytes_and_the_brokers_time(
    topic: Topic, source: KafkaSource
) -> None:
    producer = topic.producer()
    producer.produce(topic.name, b"value", b"k\xc3\xa4y", partition=0, timestamp=1)
    producer.flush(60)
    (record,) = read(source, topic, None).records
    assert (record.position, record.partition_key, record.data) == (0, "käy", b"value")
    assert record.arrival_ms > 1_700_000_000_000


def test_a_tombstone_is_a_record_without_bytes(topic: Topic, source: KafkaSource) -> None:
    topic.send(None, key=b"gone")
    (record,) = read(source, topic, None).records
    assert (record.partition_key, record.data) == ("gone", b"")


def test_it_reads_after_a_position_up_to_the_tip(topic: Topic, source: KafkaSource) -> None:
    topic.send(*numbered(0, 20))
    found = read(source, topic, 4)
    assert (positions(found), found.at_tip, found.held) == (list(range(5, 20)), True, True)
    found = read(source, topic, 4, most=3)
    assert (positions(found), found.at_tip, found.held) == ([5, 6, 7], False, True)
    found = read(source, topic, 19)
    assert (positions(found), found.at_tip, found.held) == ([], True, True)


def test_without_a_position_it_reads_from_the_origin_or_the_oldest(
    topic: Topic, source: KafkaSource
) -> None:
    topic.send(*numbered(0, 5))
    assert positions(read(source, topic, None)) == [0, 1, 2, 3, 4]
    assert positions(read(source, topic, None, origin=3)) == [3, 4]


def test_an_empty_partition_is_at_its_tip(topic: Topic, source: KafkaSource) -> None:
    assert read(source, topic, None) == Slice(at_tip=True, held=True)


def test_what_a_transaction_aborted_is_no_record_and_its_gap_is_none(
    topic: Topic, source: KafkaSource
) -> None:
    topic.transaction(b"a", b"b", commit=True)  # 0, 1 and a control record at 2
    topic.transaction(b"x", b"y", b"z", commit=False)  # 3, 4, 5 and 6
    topic.send(b"c")  # 7
    found = read(source, topic, None)
    assert [record.data for record in found.records] == [b"a", b"b", b"c"]
    assert (positions(found), found.at_tip) == ([0, 1, 7], True)
    assert (positions(read(source, topic, 1)), read(source, topic, 1).held) == ([7], True)


def test_the_tip_is_seen_behind_an_aborted_transaction(topic: Topic, source: KafkaSource) -> None:
    topic.send(b"a")
    topic.transaction(b"x", commit=False)
    assert (positions(read(source, topic, None)), read(source, topic, None).at_tip) == ([0], True)
    assert read(source, topic, 0) == Slice(at_tip=True, held=True)


def test_an_open_transaction_is_not_read_past(topic: Topic, source: KafkaSource) -> None:
    topic.send(b"a")
    open_one = topic.open_transaction(b"b")
    topic.send(b"c")
    assert (positions(read(source, topic, None)), read(source, topic, None).at_tip) == ([0], True)
    open_one.commit_transaction(60)
    # The coordinator answers once the end is decided; its mark reaches the partition after that.
    until(lambda: positions(read(source, topic, 0)) == [1, 2])


def test_a_position_whose_successors_expired_is_not_held(topic: Topic, source: KafkaSource) -> None:
    topic.send(*numbered(0, 10))
    topic.expire(before=6)
    found = read(source, topic, 3)
    assert (positions(found), found.held) == ([6, 7, 8, 9], False)
    assert read(source, topic, 5).held, "nothing lies between it and the oldest"
    assert not read(source, topic, None).held
    topic.expire(before=10)
    assert read(source, topic, 3) == Slice(at_tip=True, held=False)


def test_a_position_beyond_the_end_is_told_with_what_to_do(
    topic: Topic, source: KafkaSource
) -> None:
    topic.send(*numbered(0, 10))
    topic.recreate()
    topic.send(b"other")
    with pytest.raises(OperatingError, match=r"is at offset 10 but .* ends at 1: it was created"):
        read(source, topic, 9)


def test_a_topic_with_fewer_partitions_than_the_ledger_knows_is_told(topic: Topic) -> None:
    source = KafkaSource(topic.connection, known=lambda: (topic.shard(0), topic.shard(2)))
    with pytest.raises(OperatingError, match=rf"has 2 partitions, .*{topic.shard(2)}"):
        source.shards()
    topic.grow(3)
    assert len(source.shards()) == 3
    source.close()


def test_reading_a_partition_that_is_not_there_is_told(topic: Topic, source: KafkaSource) -> None:
    with pytest.raises(OperatingError, match="has 2 partitions"):
        source.read_after(topic.shard(5), after=None, origin=None, records_max=1)


def test_a_shard_of_another_stream_is_refused(topic: Topic) -> None:
    source = KafkaSource(topic.connection, known=lambda: ("shardId-000000000000",))  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match="give each topic its own ledger"):
        source.shards()
    source.close()


def test_many_threads_read_at_once(topic: Topic, source: KafkaSource) -> None:
    topic.send(*numbered(0, 50))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda after: positions(read(source, topic, after)), range(40)))
    assert found == [list(range(after + 1, 50)) for after in range(40)]


def test_a_read_of_large_messages_ends_by_its_bytes(topic: Topic, source: KafkaSource) -> None:
    topic.send(*(bytes(900_000) for _ in range(12)))
    found = read(source, topic, None)
    assert positions(found) == list(range(7))
    assert not found.at_tip
    assert positions(read(source, topic, 6)) == list(range(7, 12))

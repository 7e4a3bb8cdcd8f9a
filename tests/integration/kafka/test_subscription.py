"""A worker's part in a Kafka topic, on the real broker."""

from collections.abc import Callable

import pytest

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from tests.integration.kafka.topics import Topic, numbered
from tests.integration.readers import Reader, poll_until

MANY = 2_000
MakeReader = Callable[..., Reader]


def read_ten(topic: Topic, reader: MakeReader) -> Reader:
    """Return a worker that has read the ten records of the first partition."""
    topic.send(*numbered(0, 10))
    one = reader()
    poll_until(lambda: len(one.positions(topic.shard(0))) == 10, one)
    return one


def test_it_begins_after_the_position_that_the_listener_names(
    topic: Topic, reader: MakeReader
) -> None:
    topic.send(*numbered(0, 10))
    one = reader({topic.shard(0): Position(3)})
    poll_until(lambda: one.values(topic.shard(0)) == numbered(4, 6), one)
    assert one.heard[0][0] == "assigned"


def test_between_two_polls_no_record_is_skipped(topic: Topic, reader: MakeReader) -> None:
    one = reader()
    topic.send(*numbered(0, MANY))
    topic.send(*numbered(0, MANY), partition=1)
    poll_until(lambda: len(one.positions(topic.shard(0))) >= MANY, one)
    poll_until(lambda: len(one.positions(topic.shard(1))) >= MANY, one)
    for partition in (0, 1):
        assert one.positions(topic.shard(partition)) == list(range(MANY))


def test_a_seek_forgets_what_was_fetched_ahead(topic: Topic, reader: MakeReader) -> None:
    topic.send(*numbered(0, MANY))
    one = reader()
    shard = topic.shard(0)
    for after in (None, 10, 1_500, 3, 700):
        poll_until(lambda: one.records.get(shard), one)
        one.records.clear()
        one.subscription.seek(shard, after=None if after is None else Position(after))
        first = 0 if after is None else after + 1
        poll_until(lambda first=first: len(one.positions(shard)) == MANY - first, one)
        assert one.positions(shard) == list(range(first, MANY))


def test_a_paused_partition_gives_nothing_and_then_goes_on_where_it_was(
    topic: Topic, reader: MakeReader
) -> None:
    one, shard = read_ten(topic, reader), topic.shard(0)
    one.subscription.pause(shard)
    topic.send(*numbered(10, 10))
    topic.send(*numbered(0, 5), partition=1)
    poll_until(lambda: len(one.positions(topic.shard(1))) == 5, one)
    one.poll(0.5)
    assert len(one.positions(shard)) == 10
    one.subscription.resume(shard)
    poll_until(lambda: one.positions(shard) == list(range(20)), one)


def test_a_partition_stays_paused_through_a_seek(topic: Topic, reader: MakeReader) -> None:
    one, shard = read_ten(topic, reader), topic.shard(0)
    one.subscription.pause(shard)
    one.subscription.seek(shard, after=Position(4))
    topic.send(b"other", partition=1)
    poll_until(lambda: one.values(topic.shard(1)), one)
    one.poll(0.5)
    assert len(one.positions(shard)) == 10
    one.subscription.resume(shard)
    poll_until(lambda: one.positions(shard)[10:] == [5, 6, 7, 8, 9], one)


def test_a_second_worker_gets_a_partition_only_after_the_first_let_it_go(
    topic: Topic, reader: MakeReader
) -> None:
    one = reader()
    poll_until(lambda: len(one.held) == 2, one)
    two = reader()
    early: list[ShardId] = []
    one.on_revoked = lambda shard: early.extend({shard} & two.held)
    poll_until(lambda: len(one.held) == 1 and len(two.held) == 1, one, two)
    assert one.held | two.held == {topic.shard(0), topic.shard(1)}
    assert early == []
    kept = next(iter(one.held))
    assert sum(kept in shards for what, shards in one.heard if what == "revoked") == 0


def test_a_worker_that_leaves_hands_over_at_once_and_tells_nobody(
    topic: Topic, reader: MakeReader
) -> None:
    one, two = reader(session_seconds=20), reader(session_seconds=20)
    poll_until(lambda: len(one.held) == 1 and len(two.held) == 1, one, two)
    heard = list(one.heard)
    one.subscription.close()
    poll_until(lambda: len(two.held) == 2, two, seconds_max=18)
    assert one.heard == heard


def test_new_partitions_are_found_and_read(topic: Topic, reader: MakeReader) -> None:
    one = reader()
    poll_until(lambda: len(one.held) == 2, one)
    topic.grow(4)
    topic.send(b"late", partition=3)
    poll_until(lambda: one.values(topic.shard(3)) == [b"late"], one)
    assert [what for what, _ in one.heard].count("revoked") == 0


def test_messages_that_expire_before_they_came_make_the_partition_come_anew(
    topic: Topic, reader: MakeReader
) -> None:
    one, shard = read_ten(topic, reader), topic.shard(0)
    one.subscription.pause(shard)
    topic.send(*numbered(10, 10))
    topic.expire(before=15)
    one.after = {shard: Position(9)}
    one.subscription.resume(shard)
    poll_until(lambda: one.positions(shard)[10:] == [15, 16, 17, 18, 19], one)
    assert one.heard[-2:] == [("revoked", (shard,)), ("assigned", (shard,))]


def test_a_first_position_that_expired_begins_at_the_oldest(
    topic: Topic, reader: MakeReader
) -> None:
    shard = topic.shard(0)
    topic.send(*numbered(0, 10))
    topic.expire(before=5)
    one = reader({shard: Position(2)})
    poll_until(lambda: one.positions(shard) == [5, 6, 7, 8, 9], one)
    assert [what for what, _ in one.heard] == ["assigned"]


def test_a_position_beyond_the_end_is_told_while_other_partitions_go_on(
    topic: Topic, reader: MakeReader
) -> None:
    topic.send(*numbered(0, 10))
    one = reader({topic.shard(0): Position(500)})
    poll_until(lambda: one.troubles, one)
    assert f"the ledger is at offset 501 but Kafka topic {topic.name} ends at 10" in str(
        one.troubles[0]
    )
    topic.send(b"other", partition=1)
    poll_until(lambda: one.values(topic.shard(1)) == [b"other"], one)
    assert topic.shard(0) not in one.records


def test_what_is_settled_is_the_groups_offset(topic: Topic, reader: MakeReader) -> None:
    one, shard = read_ten(topic, reader), topic.shard(0)
    one.subscription.settle(shard, committed=Position(5))
    one.subscription.settle(shard, committed=Position(7))
    one.poll()
    poll_until(lambda: topic.group_offset(0) == 8, one)


def test_lag_counts_what_the_broker_holds_after_a_position(
    topic: Topic, reader: MakeReader
) -> None:
    shard = topic.shard(0)
    topic.send(*numbered(0, 10))
    one = reader()
    assert one.subscription.lag(shard, after=None) == 10
    assert one.subscription.lag(shard, after=Position(6)) == 3
    topic.expire(before=8)
    assert one.subscription.lag(shard, after=Position(3)) == 2
    assert one.subscription.lag(shard, after=Position(9)) == 0
    with pytest.raises(OperatingError):
        one.subscription.lag(topic.shard(7), after=None)

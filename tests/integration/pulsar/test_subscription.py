"""A worker's part in a Pulsar topic, on the real broker: partitions come and go, none skips."""

import os
from collections.abc import Callable
from threading import Thread

import pytest

from pipeline.core.records import Position
from pipeline.errors import OperatingError
from pipeline.sources import pulsar_subscription
from pipeline.sources.pulsar import LOOKBACK_ENTRIES
from tests.integration.pulsar.topics import Topic, numbered
from tests.integration.readers import Reader, poll_until

Readers = Callable[..., Reader]


def alone(reader: Readers, topic: Topic, count: int) -> Reader:
    """Return a worker that has read the first partition's messages."""
    worker = reader(topic)
    poll_until(lambda: len(worker.values(topic.shard(0))) == count, worker)
    return worker


def test_one_worker_gets_every_partition_and_every_message_in_order(
    topic: Topic, reader: Readers
) -> None:
    topic.send(*numbered(0, 100))
    topic.send(*numbered(500, 100), partition=1)
    worker = alone(reader, topic, 100)
    poll_until(lambda: len(worker.values(topic.shard(1))) == 100, worker)
    assert worker.values(topic.shard(0)) == numbered(0, 100)
    assert worker.values(topic.shard(1)) == numbered(500, 100)


def test_it_goes_on_after_the_position_of_the_ledger_with_that_record_first(
    topic: Topic, reader: Readers
) -> None:
    topic.send(*numbered(0, 10 + LOOKBACK_ENTRIES))
    first = alone(reader, topic, 10 + LOOKBACK_ENTRIES)
    first.subscription.close()
    committed = Position(first.positions(topic.shard(0))[-3])
    second = reader(topic, {topic.shard(0): committed})
    poll_until(lambda: len(second.values(topic.shard(0))) == 3, second)
    assert second.positions(topic.shard(0)) == first.positions(topic.shard(0))[-3:]


def test_a_message_that_comes_while_all_is_quiet_is_there_at_once(
    topic: Topic, reader: Readers
) -> None:
    topic.send(b"first")
    worker = alone(reader, topic, 1)
    topic.send(b"second")
    assert [r.data for r in worker.subscription.poll(worker, seconds_max=5)[topic.shard(0)]] == [
        b"second"
    ]


def test_a_second_worker_takes_partitions_over_and_no_message_comes_twice(
    topic: Topic, reader: Readers
) -> None:
    topic.send(b"0")
    topic.send(b"0", partition=1)
    one = reader(topic)
    poll_until(lambda: len(one.held) == 2 and len(one.records) == 2, one)
    other = reader(topic)
    other.after = one.after  # the ledger, which both of them read
    count = 0

    def shared() -> bool:
        nonlocal count
        count += 1
        for partition in (0, 1):
            topic.send(b"%d" % count, partition=partition)
        return bool(one.held and other.held) and not one.held & other.held

    poll_until(shared, one, other)
    topic.send(b"last")
    topic.send(b"last", partition=1)
    both = (topic.shard(0), topic.shard(1))
    poll_until(
        lambda: all(
            any(b"last" in reader.values(shard) for reader in (one, other)) for shard in both
        ),
        one,
        other,
    )
    for shard in both:
        positions = set(one.positions(shard)) | set(other.positions(shard))
        assert len(positions) == count + 2
        twice = set(one.positions(shard)) & set(other.positions(shard))
        assert len(twice) <= 1, "but for the record at the position that it went on after"


def test_the_partitions_of_a_worker_that_leaves_go_to_the_other(
    topic: Topic, reader: Readers
) -> None:
    topic.send(b"0")
    topic.send(b"0", partition=1)
    one = reader(topic)
    poll_until(lambda: len(one.held) == 2, one)
    other = reader(topic)
    poll_until(lambda: other.held, one, other)
    one.subscription.close()
    poll_until(lambda: len(other.held) == 2, other)


def test_a_seek_goes_back_and_what_was_fetched_ahead_is_forgotten(
    topic: Topic, reader: Readers
) -> None:
    topic.send(*numbered(0, 20))
    worker = alone(reader, topic, 20)
    shard = topic.shard(0)
    worker.subscription.seek(shard, after=Position(worker.positions(shard)[9]))
    poll_until(lambda: len(worker.values(shard)) == 31, worker)
    assert worker.values(shard)[20:] == numbered(9, 11)
    worker.subscription.seek(shard, after=None)
    poll_until(lambda: len(worker.values(shard)) == 51, worker)
    assert worker.values(shard)[31:] == numbered(0, 20)


def test_a_paused_partition_gives_nothing_and_loses_nothing(topic: Topic, reader: Readers) -> None:
    topic.send(b"0")
    worker = alone(reader, topic, 1)
    shard = topic.shard(0)
    for _ in range(2):
        worker.subscription.pause(shard)
    topic.send(*numbered(1, 200))
    topic.send(b"other", partition=1)
    poll_until(lambda: worker.values(topic.shard(1)) == [b"other"], worker)
    assert worker.values(shard) == [b"0"]
    for _ in range(2):
        worker.subscription.resume(shard)
    poll_until(lambda: len(worker.values(shard)) == 201, worker)
    assert worker.values(shard) == numbered(0, 201)


def test_the_broker_holds_what_is_not_settled_and_the_committed_record_itself(
    topic: Topic, reader: Readers
) -> None:
    topic.send(*numbered(0, 10))
    worker = reader(topic, settles=False)
    shard = topic.shard(0)
    poll_until(lambda: len(worker.values(shard)) == 10, worker)
    assert topic.backlog() == 10
    worker.subscription.settle(shard, committed=Position(worker.positions(shard)[6]))
    poll_until(lambda: topic.backlog() == 4, worker)


def test_lag_counts_what_follows_a_position(topic: Topic, reader: Readers) -> None:
    topic.send(*numbered(0, 10))
    worker = alone(reader, topic, 10)
    shard = topic.shard(0)
    lags = [
        worker.subscription.lag(shard, after=Position(position))
        for position in worker.positions(shard)
    ]
    assert lags == list(reversed(range(10)))
    assert worker.subscription.lag(topic.shard(1), after=None) == 0
    topic.roll()
    topic.send(*numbered(10, 7))
    topic.roll()
    topic.send(*numbered(17, 3))
    assert worker.subscription.lag(shard, after=Position(worker.positions(shard)[4])) == 15


def test_partitions_that_are_added_are_found(
    topic: Topic, reader: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulsar_subscription, "LOOKUP_SECONDS", 0.5)
    topic.send(b"0")
    worker = alone(reader, topic, 1)
    topic.broker.add_partitions(topic.name, 4)
    topic.send(b"new", partition=3)
    poll_until(lambda: worker.values(topic.shard(3)) == [b"new"], worker)


@pytest.mark.parametrize("backwards", [True, False])
def test_a_reset_of_the_subscription_moves_no_worker(
    topic: Topic, reader: Readers, backwards: bool
) -> None:
    topic.send(*numbered(0, 10))
    worker = alone(reader, topic, 10)
    if backwards:
        topic.broker.rewind(topic.name, topic.connection.subscription)
    else:
        topic.send(*numbered(10, 5))
        topic.ask("POST", f"subscription/{topic.connection.subscription}/skip_all")
    topic.send(b"end")
    poll_until(lambda: worker.values(topic.shard(0))[-1:] == [b"end"], worker)
    expected = [*numbered(0, 10 if backwards else 15), b"end"]
    seen = worker.positions(topic.shard(0))
    assert sorted(set(seen)) == list(dict.fromkeys(seen)), "nothing comes before what came earlier"
    assert list(dict.fromkeys(worker.values(topic.shard(0)))) == expected


def test_ledgers_change_under_a_worker_and_it_goes_on(topic: Topic, reader: Readers) -> None:
    topic.send(*numbered(0, 5))
    worker = alone(reader, topic, 5)
    topic.roll()
    topic.send(*numbered(5, 5))
    poll_until(lambda: len(worker.values(topic.shard(0))) == 10, worker)
    assert worker.values(topic.shard(0)) == numbered(0, 10)
    assert [what for what, _ in worker.heard].count("revoked") == 0


def test_a_ledger_that_went_unread_makes_the_partition_come_anew(
    expiring: Topic, reader: Readers
) -> None:
    """The protocol then probes the stream and tells of the loss."""
    expiring.send(*numbered(0, 5))
    worker = alone(reader, expiring, 5)
    shard = expiring.shard(0)
    worker.subscription.pause(shard)
    unread = expiring.ledgers()[-1]
    expiring.send(*numbered(5, 500))
    expiring.roll()
    expiring.send(b"later")

    def trimmed() -> bool:
        expiring.ask("POST", f"subscription/{expiring.connection.subscription}/skip_all")
        expiring.trim()
        return unread not in expiring.ledgers()

    poll_until(trimmed, worker)
    expiring.send(b"latest")
    worker.subscription.resume(shard)
    poll_until(lambda: worker.values(shard)[-1] == b"latest", worker)
    assert worker.values(shard) != [*numbered(0, 505), b"later", b"latest"]
    assert [what for what, _ in worker.heard] == ["assigned", "revoked", "assigned"]


def test_a_large_message_comes_whole(topic: Topic, reader: Readers) -> None:
    large = os.urandom(6_000_000)
    topic.send(b"0", large, b"2")
    worker = alone(reader, topic, 3)
    assert worker.values(topic.shard(0)) == [b"0", large, b"2"]


def test_settling_works_from_another_thread_while_the_worker_polls(
    topic: Topic, reader: Readers
) -> None:
    topic.send(*numbered(0, 50))
    worker = reader(topic, settles=False)
    shard = topic.shard(0)
    poll_until(lambda: len(worker.values(shard)) == 50, worker)
    last = Position(worker.positions(shard)[-1])
    thread = Thread(target=worker.subscription.settle, args=(shard,), kwargs={"committed": last})
    thread.start()
    poll_until(lambda: topic.backlog() == 1, worker)
    thread.join()


def test_a_topic_with_fewer_partitions_than_before_is_refused(
    topic: Topic, reader: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulsar_subscription, "LOOKUP_SECONDS", 0.2)
    worker = reader(topic)
    worker.poll()
    topic.broker.delete_topic(topic.name)
    topic.broker.create_topic(topic.name, 1)
    poll_until(lambda: any(isinstance(t, OperatingError) for t in worker.troubles), worker)
    poll_until(lambda: "has 1 partitions and had more" in str(worker.troubles[-1]), worker)
    assert topic.shard(1) in str(worker.troubles[-1])

"""The loop: stores and brokers fail, records kill, and everything is in the lake once."""

from typing import Any

import pytest

from pipeline.consumer.batches import RECORD_BYTES
from pipeline.errors import BrokenInvariant, OperatingError
from pipeline.testing.core import Killed
from pipeline.testing.memory import MemoryStore


def test_what_is_put_is_in_the_lake_and_only_then_acknowledged(world: Any) -> None:
    process = world.at_work("a", "b")
    process.go(rounds=2, jobs=False)
    assert process.subscription.settled == {}

    process.until(world.is_in)
    process.loop.step()

    assert process.subscription.settled == {world.shard: world.committed()}
    world.simulation.settle()


def test_a_partition_has_one_take_at_a_time(world: Any) -> None:
    process = world.at_work("a")
    process.go(rounds=3, jobs=False)
    world.put("b")
    process.go(rounds=3, jobs=False)

    assert len(process.pool) == 1
    process.until(world.is_in)
    world.simulation.settle()


def test_the_second_batch_needs_no_look_at_the_stream(world: Any) -> None:
    process = world.at_work("a")
    process.until(world.is_in)
    reads = count_reads(process)
    world.put("b")
    process.until(world.is_in)

    assert reads == []
    world.simulation.settle()


def count_reads(process: Any) -> list[Any]:
    """Note each read by position from now on."""
    reads: list[Any] = []
    source = process.worker.source

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(source, name)

        def read_after(self, *args: Any, **kwargs: Any) -> Any:
            reads.append((args, kwargs))
            return source.read_after(*args, **kwargs)

    process.worker.source = Counted()
    return reads


def test_a_store_in_trouble_is_tried_again_and_the_stream_sought_where_the_ledger_stands(
    world: Any,
) -> None:
    process = world.at_work("a")
    process.until(world.is_in)
    process.loop.step()
    committed = world.committed()
    process.worker.store = Failing()
    process.subscription.skips_after_seek = 1
    world.put("b", "c", "d")
    process.go(rounds=20)
    assert process.loop.snapshot.partitions[0].trouble is not None
    assert world.shard in process.subscription.paused

    process.worker.store = world.simulation.store
    process.until(world.is_in)
    process.go(rounds=2)

    assert process.subscription.sought[0] == (world.shard, committed)
    assert process.loop.snapshot.partitions[0].trouble is None
    world.simulation.settle()


class Failing(MemoryStore):
    """A store that answers nothing."""

    def put_staged(self, key: str, body: bytes, /) -> None:
        raise OperatingError("the store is down")


def test_a_full_buffer_stops_the_fetching_and_nothing_is_dropped(world: Any) -> None:
    process = world.at_work(
        *(f"id{number:03}" for number in range(60)),
        buffer_bytes=4 * RECORD_BYTES,
        polled_max=4,
        records_max=4,
    )
    process.go(jobs=False)
    held = []
    for _ in range(10):
        process.go(jobs=False)
        held.append(process.loop.snapshot.partitions[0].size_bytes)

    assert world.shard in process.subscription.paused
    assert max(held) <= (4 + 4) * (RECORD_BYTES + 10)
    process.until(world.is_in)
    process.go(rounds=2)
    assert world.shard not in process.subscription.paused
    world.simulation.settle()


def test_records_without_a_byte_fill_the_buffer_too(world: Any) -> None:
    process = world.at_work(*[""] * 60, buffer_bytes=20 * RECORD_BYTES, polled_max=4)
    process.go(rounds=10, jobs=False)

    assert world.shard in process.subscription.paused
    assert process.loop.snapshot.partitions[0].size_bytes < 25 * (RECORD_BYTES + 10)


def test_a_subscription_that_somebody_moved_back_is_sought_again(world: Any) -> None:
    process = world.at_work("a", "b")
    process.until(world.is_in)
    process.subscription.move_back(world.shard)
    world.put("c")

    process.until(world.is_in)

    assert process.subscription.sought
    world.simulation.settle()


def test_a_partition_whose_head_cannot_be_read_is_sought_later(world: Any) -> None:
    process = world.process()
    read_head = world.simulation.ledger.read_head
    world.put("a")

    def fails(*_: Any) -> Any:
        raise OperatingError("the ledger is down")

    world.simulation.ledger.read_head = fails
    process.subscription.assign(world.shard)
    process.go(rounds=3)
    assert len(process.loop.snapshot.partitions) == 1
    world.simulation.ledger.read_head = read_head
    process.until(world.is_in)

    assert process.subscription.sought == [(world.shard, None)]
    world.simulation.settle()


def test_a_broker_that_is_down_holds_no_take_up(world: Any) -> None:
    process = world.at_work("a")
    process.go()
    process.subscription.trouble = OperatingError("no broker answers")
    answered_ms = process.loop.snapshot.answered_ms

    process.until(world.is_in)
    process.go(rounds=30)
    assert process.loop.snapshot.answered_ms <= answered_ms + 200
    process.subscription.trouble = None
    world.put("b")
    process.until(world.is_in)

    world.simulation.settle()


def test_a_ledger_that_was_restored_meanwhile_is_followed_on(world: Any) -> None:
    process = world.at_work("a")
    process.until(world.is_in)
    backup = world.simulation.backup()
    world.put("b")
    process.until(world.is_in)
    process.loop.step()
    world.outlive()
    world.simulation.rewind(backup)
    world.simulation.restore(world.simulation.worker())
    world.put("c")

    process.until(world.is_in)

    world.simulation.settle()


def test_a_defect_ends_the_loop(world: Any) -> None:
    process = world.at_work("a")
    process.worker.core = lambda *_, **__: broken()

    with pytest.raises(BrokenInvariant, match="two and two"):
        process.go(rounds=4)


def broken() -> None:
    raise BrokenInvariant("two and two are not four")


class TogetherInTheCore:
    """A core that others enter while it runs: a death there is the death of all of them."""

    def __init__(self, process: Any) -> None:
        self._core, self._pool = process.worker.core, process.pool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._pool.run()
        return self._core(*args, **kwargs)


def test_a_record_that_kills_is_masked_and_no_neighbour_is_blamed(world: Any) -> None:
    stream = world.simulation.stream
    others = [stream.open(f"s{number}") for number in (1, 2)]
    world.put("a", "kill", "b")
    poison = stream.shards_by_id[world.shard].produced[1].position
    world.simulation.account.may_be_masked.add(poison)
    deaths = 0
    for number in range(30):
        world.put(f"x{number}", shard=others[number % 2])
    while not world.is_in():
        process = world.process(records_max=8)
        process.worker.core = TogetherInTheCore(process)
        process.subscription.assign(*others, world.shard)
        try:
            process.until(world.is_in, rounds_max=60)
        except Killed:
            deaths += 1
            world.outlive()
            assert deaths < 20, "the poison is never isolated"

    assert deaths >= 3
    assert [row[:2] for row in world.simulation.quarantined()] == [("masked", poison)]
    world.simulation.settle()

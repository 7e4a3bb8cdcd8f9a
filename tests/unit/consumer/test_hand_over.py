"""The loop hands partitions over: nothing is lost on the way, nothing written twice."""

from typing import Any

import pytest


@pytest.mark.parametrize("skips", [0, 1, 3])
@pytest.mark.parametrize("repeats", [0, 2])
def test_what_an_assignment_skips_is_filled_and_what_it_repeats_is_dropped(
    world: Any, skips: int, repeats: int
) -> None:
    first = world.at_work("a", "b", "c")
    first.until(world.is_in)
    second = world.process()
    second.subscription.skips_after_seek = skips
    second.subscription.repeats_after_seek = repeats
    second.subscription.assign(world.shard)
    world.put("d", "e", "f", "g", "h")

    second.until(world.is_in)

    world.simulation.settle()


def test_a_revoked_partition_is_let_go_only_after_its_take(world: Any) -> None:
    process = world.at_work("a")
    process.go(rounds=2, jobs=False)
    process.subscription.revoke(world.shard)
    process.go(jobs=False)

    assert len(process.pool) == 0
    assert world.is_in()
    assert process.subscription.settled == {world.shard: world.committed()}
    assert process.worker.recall(world.shard) is None
    world.simulation.settle()


def test_a_take_that_outlives_its_grace_meets_the_fence(world: Any) -> None:
    slow, quick = world.process(), world.process()
    slow.subscription.assign(world.shard)
    world.put("a", "b")
    slow.go(rounds=2, jobs=False)
    slow.pool.stuck = True
    slow.subscription.revoke(world.shard)
    slow.go(jobs=False)
    quick.subscription.assign(world.shard)
    quick.until(world.is_in)
    slow.go(rounds=3)

    assert slow.worker.recall(world.shard) is None
    world.simulation.settle()


def test_a_partition_that_comes_back_waits_for_its_own_old_take(world: Any) -> None:
    process = world.at_work("a")
    process.go(rounds=2, jobs=False)
    process.pool.stuck = True
    process.subscription.revoke(world.shard)
    process.subscription.assign(world.shard)
    world.put("b")
    process.go(rounds=4, jobs=False)

    assert len(process.pool) == 1
    process.until(world.is_in)
    world.simulation.settle()


def test_two_workers_forced_onto_one_partition_write_nothing_twice(world: Any) -> None:
    one, other = world.process(records_max=2), world.process(records_max=3)
    for process in (one, other):
        process.subscription.assign(world.shard)
    for number in range(0, 40, 4):
        world.put(*(f"id{number + each}" for each in range(4)))
        one.go(jobs=number % 8 == 0)
        other.go()
    for _ in range(100):
        one.go()
        other.go()

    assert world.is_in()
    world.simulation.settle()


def test_a_hand_over_in_which_the_end_is_told_and_the_end_share_one_grace(world: Any) -> None:
    process, clock = world.at_work("a"), world.simulation.clock
    waits = []

    def outlived(_: object, *, seconds_max: float) -> None:
        waits.append(seconds_max)
        clock.advance(10_000)
        process.stop.told_ms = process.stop.told_ms or clock()
        clock.advance(round(seconds_max * 1000) - 10_000)

    process.go(rounds=2, jobs=False)
    process.pool.wait = outlived
    process.subscription.revoke(world.shard)
    process.loop.step()
    process.loop.leave()

    assert waits == [25.0, 10.0]


def test_leaving_lets_takes_end_and_acknowledges_them(world: Any) -> None:
    process = world.at_work("a")
    process.go(rounds=2, jobs=False)

    process.loop.leave()

    assert world.is_in()
    assert process.subscription.closed
    assert process.subscription.settled == {world.shard: world.committed()}
    world.simulation.settle()

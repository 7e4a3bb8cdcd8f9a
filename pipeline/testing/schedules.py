"""Schedules of one shard (protocol.md, 5): each breaks something, then accounts for every id."""

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.core.records import Record
from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.ledger.effects import (
    CommitTransaction,
    PutFinalIfAbsent,
    PutStaged,
    RunCore,
    WriteHead,
)
from pipeline.ledger.state import TakeOutcome
from pipeline.testing.account import Violation
from pipeline.testing.core import Killed, ScriptedCore
from pipeline.testing.run import Run, SimulatedWorker
from pipeline.testing.settlement import settle
from pipeline.testing.simulation import OVER_MS, Simulation

Schedule = Callable[[], None]

STEPS_MAX: Final = 60
DELIVERIES_MAX: Final = 80


def deliver(
    simulation: Simulation, worker: SimulatedWorker, records: Sequence[Record]
) -> TakeOutcome | None:
    """Deliver a batch once; None if the run failed or its process died."""
    try:
        return simulation.take(worker, records)
    except (OperatingError, Killed):
        return None


def insist(simulation: Simulation, records: Sequence[Record], core: ScriptedCore) -> int:
    """Deliver a batch to ever new processes until it succeeds. Returns the failures on the way."""
    for failures in range(DELIVERIES_MAX):
        if deliver(simulation, simulation.worker(core), records) is not None:
            return failures
        simulation.clock.advance(OVER_MS)
    raise Violation(f"P5: no success after {DELIVERIES_MAX} deliveries")


def resume(run: Run[TakeOutcome]) -> None:
    """Let a zombie go on to its end, whatever it meets."""
    try:
        run.finish()
    except (OperatingError, Killed):
        return


def paused(simulation: Simulation, records: Sequence[Record], steps: int) -> Run[TakeOutcome]:
    """Return a run that a new process began and left after so many effects."""
    run = simulation.start(simulation.worker(), records)
    for _ in range(steps):
        run.step()
    return run


def raise_after_the_core_then_a_warm_retry() -> None:
    """1: the failed attempt must not have taught the worker that its ids are stored (T1)."""
    simulation = Simulation()
    worker = simulation.worker()
    deliver(simulation, worker, simulation.stream.put(simulation.shard, "z"))
    records = simulation.stream.put(simulation.shard, "a b", "c@1")
    simulation.start(worker, records).until(PutStaged).step(fail=OutcomeUnknown("S3 is away"))
    run = simulation.start(worker, records).until(PutStaged)
    run.step(fail=OutcomeUnknown("S3 is away"))
    deliver(simulation, worker, records)
    simulation.settle()


def storage_fails_often_then_works() -> None:
    """1: a lone record whose attempts raise, again and again, is not poison (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(5):
        run = simulation.start(simulation.worker(), records).until(PutStaged)
        run.step(fail=OutcomeUnknown("S3 is away"))
        resume(run)
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records)
    simulation.settle()


def the_shard_changes_hands_and_comes_back() -> None:
    """2: a copy reaches the first owner, whose set lacks the other's commit (T2)."""
    simulation = Simulation()
    first, second = simulation.worker(), simulation.worker()
    for worker, text in ((first, "a"), (second, "b"), (first, "b c")):
        deliver(simulation, worker, simulation.stream.put(simulation.shard, text))
    simulation.settle()


def redelivered_with_other_boundaries() -> None:
    """3: longer, shorter, split and from the start, each after an attempt that died (T3, T22)."""
    for batches in (
        [(0, 1), (0, 2)],
        [(0, 3), (0, 2), (2, 3)],
        [(0, 3), (0, 1), (1, 2), (2, 3)],
        [(0, 2), (0, 3), (0, 3)],
        [(0, 2), (1, 3)],
    ):
        for kill_at in range(STEPS_MAX):
            simulation = Simulation()
            records = simulation.stream.put(simulation.shard, "a", "b@1", "a c")
            (start, end), *rest = batches
            run = paused(simulation, records[start:end], kill_at)
            ended = run.ended
            run.kill()
            for start, end in rest:
                deliver(simulation, simulation.worker(), records[start:end])
            simulation.settle()
            if ended:
                break


def a_batch_goes_on_after_another_finished_its_open_range() -> None:
    """3: success needs all of the batch, not just what was open; no sweeper comes by (T3)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a", "b")
    paused(simulation, records[:1], 0).until(CommitTransaction, after=True).kill()
    deliver(simulation, simulation.worker(), records)
    settle(simulation)


def a_zombie_wakes_at_every_effect() -> None:
    """4: it stopped before effect n, others went on, it resumes (T6, T7, T9)."""
    for steps in range(STEPS_MAX):
        for overlap in ((0, 3), (0, 1), (1, 3)):
            simulation = Simulation()
            simulation.stream.put(simulation.shard, "z")
            insist(simulation, simulation.stream.shards_by_id[simulation.shard].records, CORE)
            records = simulation.stream.put(simulation.shard, "a z", "b@1", "c bad:d")
            zombie = paused(simulation, records, steps)
            deliver(simulation, simulation.worker(), records[slice(*overlap)])
            ended = zombie.ended
            resume(zombie)
            deliver(simulation, simulation.worker(), records)
            copies = simulation.stream.put(simulation.shard, "a b@1 c", "d z")
            deliver(simulation, simulation.worker(), copies)
            simulation.settle()
        if ended:
            return


def two_zombies_wake_between_each_other() -> None:
    """4: two stopped attempts and a live one, in both orders."""
    for one in range(4, 24, 3):
        for other in range(4, 24, 4):
            simulation = Simulation()
            records = simulation.stream.put(simulation.shard, "a", "b@1", "a c")
            zombies = [paused(simulation, records, one), paused(simulation, records[:2], other)]
            deliver(simulation, simulation.worker(), records[:1])
            for zombie in zombies:
                resume(zombie)
            simulation.settle()


def a_reply_is_lost_at_every_effect() -> None:
    """5: the effect happened, the answer did not come; the worker stays warm (T28, T29)."""
    for steps in range(STEPS_MAX):
        simulation = Simulation()
        worker = simulation.worker()
        deliver(simulation, worker, simulation.stream.put(simulation.shard, "z"))
        records = simulation.stream.put(simulation.shard, "a z", "b@1")
        run = simulation.start(worker, records)
        for _ in range(steps):
            run.step()
        ended = run.ended
        run.step(lose_reply=True)
        resume(run)
        deliver(simulation, worker, records)
        deliver(simulation, worker, simulation.stream.put(simulation.shard, "a b c"))
        simulation.settle()
        if ended:
            return


def a_deploy_in_the_middle() -> None:
    """6: version 2 moves the hour, or rejects, after version 1 stopped at every effect (T6, T8)."""
    for steps in range(STEPS_MAX):
        for new in (ScriptedCore(hour=1), ScriptedCore(rejects=frozenset("a"))):
            for dies in (True, False):
                simulation = Simulation()
                records = simulation.stream.put(simulation.shard, "a", "b@1")
                old = paused(simulation, records, steps)
                ended = old.ended
                if dies:
                    old.kill()
                deliver(simulation, simulation.worker(new), records)
                resume(old) if not dies else None
                simulation.settle()
        if ended:
            return


def killed_at_every_effect_and_no_batch_ever_comes() -> None:
    """7: two hours a batch; only the sweeper is left to finish (T5)."""
    for steps in range(STEPS_MAX):
        simulation = Simulation()
        records = simulation.stream.put(simulation.shard, "a b@1", "c@2")
        run = paused(simulation, records, steps)
        ended = run.ended
        run.kill()
        simulation.settle()
        if ended:
            return


def killed_between_two_copies_then_the_next_batch() -> None:
    """7: nothing newer of a shard is visible before what is unpublished (I3)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a b@1", "c@2")
    paused(simulation, records, 0).until(PutFinalIfAbsent, times=2).kill()
    following = simulation.stream.put(simulation.shard, "d")
    deliver(simulation, simulation.worker(), following)
    simulation.settle()


def the_lost_fence_is_noticed_before_the_commit() -> None:
    """4: two attempts hold the same range; the transaction admits the one that fenced last."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a b", "c")
    old = simulation.start(simulation.worker(), records).until(CommitTransaction)
    new = simulation.start(simulation.worker(), records[:1]).until(CommitTransaction)
    resume(old)
    resume(new)
    simulation.settle()


def fenced_while_noting_the_phase() -> None:
    """4: from the second attempt on the head is written again, under the same condition."""
    for times in (1, 2, 3):
        simulation = Simulation()
        records = simulation.stream.put(simulation.shard, "a", "b")
        simulation.start(simulation.worker(), records).until(RunCore).kill()
        zombie = simulation.start(simulation.worker(), records).until(WriteHead, times=times)
        deliver(simulation, simulation.worker(), records[:1])
        resume(zombie)
        simulation.settle()


CORE: Final = ScriptedCore()

ONE_SHARD: Final[tuple[Schedule, ...]] = (
    raise_after_the_core_then_a_warm_retry,
    storage_fails_often_then_works,
    the_shard_changes_hands_and_comes_back,
    redelivered_with_other_boundaries,
    a_batch_goes_on_after_another_finished_its_open_range,
    a_zombie_wakes_at_every_effect,
    two_zombies_wake_between_each_other,
    the_lost_fence_is_noticed_before_the_commit,
    fenced_while_noting_the_phase,
    a_reply_is_lost_at_every_effect,
    a_deploy_in_the_middle,
    killed_at_every_effect_and_no_batch_ever_comes,
    killed_between_two_copies_then_the_next_batch,
)

"""Schedules with records that kill the process, and with innocents that look like them (10)."""

from typing import Final

from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.ledger.effects import CommitTransaction, PutStaged, RunCore, WriteHead
from pipeline.ledger.isolation import CLOCK_SKEW_MS, TooManyMasks
from pipeline.testing.account import Violation
from pipeline.testing.core import Killed, ScriptedCore
from pipeline.testing.schedules import Schedule, deliver, insist, paused, resume
from pipeline.testing.simulation import OVER_MS, RUN_MS_MAX, Simulation


def poison_anywhere_in_a_batch() -> None:
    """10: first, in the middle, last, two of them; their neighbours are stored (T11, T12)."""
    for size, poison in ((1, {0}), (3, {0}), (3, {1}), (3, {2}), (9, {0}), (9, {4, 8})):
        simulation = Simulation()
        texts = [f"kill{n}" if n in poison else f"e{n}" for n in range(size)]
        texts = ["kill" if text.startswith("kill") else text for text in texts]
        records = simulation.stream.put(simulation.shard, *texts)
        simulation.account.may_be_masked |= {records[n].position for n in poison}
        failures = insist(simulation, records, ScriptedCore())
        simulation.settle()
        bound = len(poison) * (2 * size.bit_length() + 3)
        if failures > bound:
            raise Violation(f"P6: {failures} deaths for {len(poison)} in {size}, over {bound}")


def a_long_batch_recovers_its_pace() -> None:
    """10: after poison first of many the range doubles again (protocol.md, 2)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "kill", *(f"e{n}" for n in range(60)))
    simulation.account.may_be_masked.add(records[0].position)
    insist(simulation, records, ScriptedCore())
    simulation.settle()
    if len(simulation.ledger.commits) > 10:
        raise Violation(f"{len(simulation.ledger.commits)} commits for one poison in 61 records")


def two_that_kill_only_together() -> None:
    """10: each part is committed alone, and nobody is quarantined (T12)."""
    for texts in (("a", "b"), ("x", "a", "y", "b", "z"), ("a", "x", "y", "z", "b")):
        simulation = Simulation()
        core = ScriptedCore(kills_together=frozenset({"a", "b"}))
        insist(simulation, simulation.stream.put(simulation.shard, *texts), core)
        simulation.settle()


def the_core_raises_on_a_record() -> None:
    """10: a defect that raises is isolated like one that kills, without waiting for deadlines."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a", "raise", "b")
    simulation.account.may_be_masked.add(records[1].position)
    for _ in range(20):
        if deliver(simulation, simulation.worker(), records) is not None:
            break
        simulation.clock.advance(1_000)
    simulation.settle()


def every_record_kills() -> None:
    """10: after three masks in a row it stops: a bad deploy must not empty the stream."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, *["kill"] * 5)
    simulation.account.may_be_masked |= {record.position for record in records}
    stopped = False
    for _ in range(40):
        try:
            simulation.take(simulation.worker(), records)
        except TooManyMasks:
            stopped = True
        except (OperatingError, Killed):
            pass
        simulation.clock.advance(OVER_MS)
    masked = sum(name == "masked" for name, _, _ in simulation.quarantined())
    if not stopped or masked != 3:
        raise Violation(f"{masked} masks in a row, stopped: {stopped}")


def a_good_deploy_after_too_many_masks() -> None:
    """10: a shard that stopped goes on by itself when the code is mended, and masks no more."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, *["kill"] * 5)
    simulation.account.may_be_masked |= {record.position for record in records}
    for _ in range(40):
        deliver(simulation, simulation.worker(), records)
        simulation.clock.advance(OVER_MS)
    mended = ScriptedCore(kills=frozenset())
    for _ in range(40):
        if deliver(simulation, simulation.worker(mended), records) is not None:
            break
        simulation.clock.advance(OVER_MS)
    masked = sum(name == "masked" for name, _, _ in simulation.quarantined())
    if masked != 3:
        raise Violation(f"{masked} masks, of which three were due")
    simulation.settle()


def an_innocent_killed_twice() -> None:
    """10: two deaths at size one are not three (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(2):
        simulation.start(simulation.worker(), records).until(RunCore).kill()
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records)
    simulation.settle()


def a_store_that_stalls_until_the_process_is_killed() -> None:
    """10: deaths outside of the core are no poison, however many (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(6):
        simulation.start(simulation.worker(), records).until(PutStaged).kill()
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records)
    simulation.settle()


def slow_workers_that_are_not_dead() -> None:
    """10: three attempts in the core, all alive: nobody is masked before their deadlines (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    slow = [simulation.start(simulation.worker(), records).until(RunCore) for _ in range(3)]
    deliver(simulation, simulation.worker(), records)
    for run in slow:
        resume(run)
    simulation.settle()


def a_slow_worker_whose_clock_is_behind() -> None:
    """10: two died, the third lives, and its deadline is over by another one's clock (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(2):
        simulation.start(simulation.worker(), records).until(RunCore).kill()
    simulation.clock.advance(OVER_MS)
    behind = simulation.worker(clock=lambda: simulation.clock() - CLOCK_SKEW_MS)
    slow = simulation.start(behind, records).until(RunCore)
    simulation.clock.advance(RUN_MS_MAX - 1)
    deliver(simulation, simulation.worker(), records)
    resume(slow)
    simulation.settle()


def short_redeliveries_of_a_range_that_killed() -> None:
    """10: deaths of a longer range do not count against the one record that comes alone (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a", "b", "c")
    simulation.start(simulation.worker(), records).until(RunCore).kill()
    for _ in range(2):
        simulation.start(simulation.worker(), records[:1]).until(RunCore).kill()
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records[:1])
    simulation.settle()


def a_zombie_during_isolation() -> None:
    """10: it wakes while its range is being halved (T9, T13)."""
    for steps in range(4, 14):
        simulation = Simulation()
        records = simulation.stream.put(simulation.shard, "a", "b", "kill", "c")
        simulation.account.may_be_masked.add(records[2].position)
        zombie = paused(simulation, records[:2], steps)
        for _ in range(4):
            deliver(simulation, simulation.worker(), records)
        resume(zombie)
        insist(simulation, records, ScriptedCore())
        simulation.settle()


def a_lost_reply_is_no_death() -> None:
    """10: the worker that missed its answer takes its token off (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(4):
        run = simulation.start(simulation.worker(), records).until(CommitTransaction)
        run.step(fail=OutcomeUnknown("no answer"))
        resume(run)
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records)
    simulation.settle()


def an_attempt_that_raises_is_no_death() -> None:
    """10: whatever it was doing when the ledger went away, it takes its token off (T13)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    for _ in range(5):
        run = simulation.start(simulation.worker(), records).until(WriteHead, after=True)
        while not run.ended and not isinstance(run.upcoming, (WriteHead, PutStaged)):
            run.step()
        run.step(lose_reply=True)
        resume(run)
        simulation.clock.advance(OVER_MS)
    deliver(simulation, simulation.worker(), records)
    simulation.settle()


POISON: Final[tuple[Schedule, ...]] = (
    poison_anywhere_in_a_batch,
    a_long_batch_recovers_its_pace,
    two_that_kill_only_together,
    the_core_raises_on_a_record,
    every_record_kills,
    a_good_deploy_after_too_many_masks,
    an_innocent_killed_twice,
    a_store_that_stalls_until_the_process_is_killed,
    slow_workers_that_are_not_dead,
    a_slow_worker_whose_clock_is_behind,
    short_redeliveries_of_a_range_that_killed,
    a_zombie_during_isolation,
    a_lost_reply_is_no_death,
    an_attempt_that_raises_is_no_death,
)

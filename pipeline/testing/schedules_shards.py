"""Schedules of several shards (protocol.md, 5): splits, merges, copies that reach a descendant."""

from collections.abc import Sequence
from typing import Final

from pipeline.core.records import Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.effects import CommitTransaction, PutFinalIfAbsent
from pipeline.ledger.state import TakeOutcome
from pipeline.testing.account import Violation
from pipeline.testing.core import Killed
from pipeline.testing.run import SimulatedWorker
from pipeline.testing.schedules import Schedule, resume
from pipeline.testing.simulation import RUN_MS_MAX, Simulation


def deliver(
    simulation: Simulation, worker: SimulatedWorker, shard: ShardId, records: Sequence[Record]
) -> TakeOutcome | None:
    """Deliver a batch of a shard once; None if the run failed or its process died."""
    try:
        return simulation.take(worker, records, shard=shard)
    except (OperatingError, Killed):
        return None


def a_split_with_copies_in_both_children() -> None:
    """9: the children know what their parent stored (T16)."""
    simulation = Simulation()
    stream = simulation.stream
    deliver(simulation, simulation.worker(), simulation.shard, stream.put(simulation.shard, "a b"))
    children = [stream.open(name, parents=["s0"]) for name in ("s1", "s2")]
    for child, text in zip(children, ("a c", "b d"), strict=True):
        deliver(simulation, simulation.worker(), child, stream.put(child, text))
    simulation.settle()


def a_merge_then_a_grandchild_with_copies() -> None:
    """9: a merged shard knows both parents, its child the grandparents; an empty one between."""
    for middle in ("m", ""):
        simulation = Simulation()
        stream = simulation.stream
        other = stream.open("s1")
        for shard, text in ((simulation.shard, "a"), (other, "b")):
            deliver(simulation, simulation.worker(), shard, stream.put(shard, text))
        merged = stream.open("s2", parents=["s0", "s1"])
        if middle:
            deliver(simulation, simulation.worker(), merged, stream.put(merged, middle))
        grandchild = stream.open("s3", parents=["s2"])
        records = stream.put(grandchild, "a b m c" if middle else "a b c")
        deliver(simulation, simulation.worker(), grandchild, records)
        simulation.settle()


def a_parent_discarded_before_its_child() -> None:
    """8: the child waits for what nobody delivers any more, then goes on (T15)."""
    for delivered in (0, 1):
        for steps in (0, 8, 12):
            simulation = Simulation()
            stream = simulation.stream
            records = stream.put(simulation.shard, "a", "b")
            deliver(simulation, simulation.worker(), simulation.shard, records[:delivered])
            run = simulation.start(simulation.worker(), records[delivered:])
            for _ in range(steps):
                run.step()
            run.kill()
            child = stream.open("s1", parents=["s0"])
            copies = stream.put(child, "a c", "b")
            deliver(simulation, simulation.worker(), child, copies)
            simulation.clock.advance(2 * RUN_MS_MAX + 1_000)
            deliver(simulation, simulation.worker(), child, copies)
            simulation.settle()


def a_child_meets_a_live_parent() -> None:
    """9: a parent that is being worked on is neither fenced off nor passed over (I6)."""
    for stop in (CommitTransaction, PutFinalIfAbsent):
        simulation = Simulation()
        stream = simulation.stream
        records = stream.put(simulation.shard, "a", "b@1")
        parent = simulation.start(simulation.worker(), records).until(stop)
        child = stream.open("s1", parents=["s0"])
        copies = stream.put(child, "a b", "c")
        deliver(simulation, simulation.worker(), child, copies)
        resume(parent)
        if parent.outcome is None:
            raise Violation("the child fenced its live parent off")
        deliver(simulation, simulation.worker(), child, copies)
        simulation.settle()


def a_sweep_meets_a_worker_that_has_just_begun() -> None:
    """9: the head stood still when the sweep read it, and no more when it read it again (T5)."""
    for steps in range(1, 8):
        simulation = Simulation()
        records = simulation.stream.put(simulation.shard, "a")
        deliver(simulation, simulation.worker(), simulation.shard, records)
        simulation.clock.advance(RUN_MS_MAX + 1)
        following = simulation.stream.put(simulation.shard, "b")
        sweep = simulation.start_sweep(simulation.worker(), simulation.shard)
        for _ in range(steps):
            sweep.step()
        worker = simulation.start(simulation.worker(), following).until(CommitTransaction)
        resume(sweep)
        resume(worker)
        if worker.outcome is None:
            raise Violation("T5: the sweep fenced a live worker off")
        simulation.settle()


def a_parent_that_left_the_stream() -> None:
    """11: its tail is lost, the child says so and goes on, its ids are still known."""
    simulation = Simulation()
    stream = simulation.stream
    records = stream.put(simulation.shard, "a", "b")
    deliver(simulation, simulation.worker(), simulation.shard, records[:1])
    child = stream.open("s1", parents=["s0"])
    stream.shards_by_id[simulation.shard].listed = False
    stream.expire(simulation.shard, up_to=records[1].position)
    simulation.account.may_be_lost.add(records[1].position)
    taken = deliver(simulation, simulation.worker(), child, stream.put(child, "a c"))
    if taken is None or taken.lost != 1:
        raise Violation("I7: the lost tail of a parent was not told")
    deliver(simulation, simulation.worker(), child, stream.put(child, "a d"))
    simulation.settle()


SHARDS: Final[tuple[Schedule, ...]] = (
    a_split_with_copies_in_both_children,
    a_merge_then_a_grandchild_with_copies,
    a_parent_discarded_before_its_child,
    a_child_meets_a_live_parent,
    a_sweep_meets_a_worker_that_has_just_begun,
    a_parent_that_left_the_stream,
)

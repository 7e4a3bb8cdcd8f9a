"""Schedules of what the stream gives and the lake keeps: discards, expiry, compaction, windows."""

from collections.abc import Sequence
from typing import Final

from pipeline.core.records import Record
from pipeline.errors import BrokenInvariant
from pipeline.ledger.effects import PutFinalIfAbsent, PutStaged
from pipeline.testing.account import Violation
from pipeline.testing.schedules import Schedule, deliver, paused, resume
from pipeline.testing.simulation import RUN_MS_MAX, WINDOW_MS, Simulation


def the_source_discards() -> None:
    """8: before any attempt, with an open one, and at the tail (T4, T5)."""
    for steps in (0, 6, 9, 12):
        for skipped in (slice(0, 1), slice(1, 3), slice(3, 5)):
            simulation = Simulation()
            records = simulation.stream.put(simulation.shard, "a", "b@1", "c", "a d", "e")
            paused(simulation, records[skipped], steps).kill()
            if records[: skipped.start]:
                deliver(simulation, simulation.worker(), records[: skipped.start])
            if records[skipped.stop :]:
                deliver(simulation, simulation.worker(), records[skipped.stop :])
            simulation.settle()


def a_gap_longer_than_one_read() -> None:
    """8: a gap is filled in parts of bounded size, in order."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, *(f"e{n} e{n // 2}" for n in range(9)))
    deliver(simulation, simulation.worker(), records[:1])
    deliver(simulation, simulation.worker(), records[7:])
    simulation.settle()


def a_gap_expired() -> None:
    """11: what the stream no longer holds comes from the on-failure object, else is recorded."""
    for kept in (True, False):
        simulation = Simulation(step=1)
        records = simulation.stream.put(simulation.shard, "a", "b", "c", "a b d")
        deliver(simulation, simulation.worker(), records[:1])
        paused(simulation, records[1:3], 8).kill()
        if kept:
            simulation.stream.discard(simulation.shard, records[1:3])
        else:
            simulation.account.may_be_lost |= {r.position for r in records[1:3]}
        simulation.clock.advance(2 * simulation.settings.retention_ms)
        simulation.stream.expire(simulation.shard, up_to=records[2].position)
        last = simulation.stream.put(simulation.shard, "e")
        deliver(simulation, simulation.worker(), [*records[3:], *last])
        simulation.settle()
        lost = any(name == "lost" for name, _, _ in simulation.quarantined())
        if lost == kept:
            raise Violation(f"I7: recorded as lost: {lost}, on-failure object: {kept}")


def an_old_gap_that_is_still_in_the_stream() -> None:
    """11: a stream that keeps records longer than it must has lost nothing."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a", "b", "c")
    deliver(simulation, simulation.worker(), records[:1])
    simulation.clock.advance(3 * simulation.settings.retention_ms)
    deliver(simulation, simulation.worker(), records[2:])
    simulation.settle()


def an_idle_shard_goes_on_after_its_records_expired() -> None:
    """11: nothing was lost while nothing was sent, and nothing is recorded as lost."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    deliver(simulation, simulation.worker(), records)
    for _ in range(12):
        simulation.clock.advance(simulation.settings.retention_ms // 4)
        simulation.drain()
    simulation.stream.expire(simulation.shard, up_to=records[0].position)
    deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "b"))
    simulation.settle()


def a_tail_that_expired_before_anybody_looked() -> None:
    """11: a sweep of the empty stream does not vouch for it; the next record shows it (T14)."""
    for kept in (True, False):
        simulation = Simulation(step=1)
        records = simulation.stream.put(simulation.shard, "a", "b")
        deliver(simulation, simulation.worker(), records[:1])
        gone_with_its_tail(simulation, records[1:], kept=kept)
        simulation.drain()
        deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "c"))
        simulation.settle()
        lost = any(name == "lost" for name, _, _ in simulation.quarantined())
        if lost == kept:
            raise Violation(f"I7: recorded as lost: {lost}, on-failure object: {kept}")


def a_range_that_expired_before_any_commit() -> None:
    """11: an attempt had opened it, so its shard knows of it: it is recorded, and drains (P5)."""
    for kept in (True, False):
        simulation = Simulation(step=1)
        records = simulation.stream.put(simulation.shard, "a")
        simulation.start(simulation.worker(), records).until(PutStaged).kill()
        gone_with_its_tail(simulation, records, kept=kept)
        simulation.settle()
        lost = any(name == "lost" for name, _, _ in simulation.quarantined())
        if lost == kept:
            raise Violation(f"I7: recorded as lost: {lost}, on-failure object: {kept}")


def a_discarded_tail_that_no_record_follows() -> None:
    """11: it expired, and no later record will show the gap: the sweeper finds its object (T5)."""
    simulation = Simulation(step=1)
    records = simulation.stream.put(simulation.shard, "a", "b")
    deliver(simulation, simulation.worker(), records[:1])
    gone_with_its_tail(simulation, records[1:], kept=True)
    simulation.settle()


def gone_with_its_tail(simulation: Simulation, tail: Sequence[Record], *, kept: bool) -> None:
    """Let all expire while nobody looks; the on-failure object keeps the tail, or nothing does."""
    if kept:
        simulation.stream.discard(simulation.shard, tail)
    else:
        simulation.account.may_be_lost |= {record.position for record in tail}
    simulation.clock.advance(2 * simulation.settings.retention_ms)
    simulation.stream.expire(simulation.shard, up_to=tail[-1].position)


def a_cold_start_after_compaction() -> None:
    """12: the ids lie beside the commits, not in the files that compaction removed (T18)."""
    simulation = Simulation()
    deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "a", "b"))
    simulation.clock.advance(RUN_MS_MAX + 1)
    simulation.compact()
    deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "a b c"))
    simulation.settle()


def compaction_and_a_publisher_that_stopped() -> None:
    """12: it resumes within one run, after another one published in its place (T19)."""
    for steps in (1, 2, 3):
        simulation = Simulation()
        records = simulation.stream.put(simulation.shard, "a b@1", "c@2")
        publisher = simulation.start(simulation.worker(), records)
        publisher.until(PutFinalIfAbsent, times=steps)
        simulation.start_sweep(simulation.worker(), simulation.shard).finish()
        simulation.clock.advance(RUN_MS_MAX - 1)
        simulation.compact()
        resume(publisher)
        simulation.settle()


def a_producer_sends_a_copy_of_what_was_rejected() -> None:
    """14: an id in quarantine is not stored beside it (T23)."""
    simulation = Simulation()
    worker = simulation.worker()
    deliver(simulation, worker, simulation.stream.put(simulation.shard, "bad:a"))
    deliver(simulation, worker, simulation.stream.put(simulation.shard, "a"))
    deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "a b"))
    simulation.settle()


def copies_around_the_window() -> None:
    """15: by arrival, though the consumer stalls for hours and starts cold (T24, T26)."""
    for late_ms, is_copy in ((-1, True), (0, True), (1, False)):
        for stalled_ms in (0, 5 * 3_600_000):
            for is_warm in (True, False):
                simulation = Simulation()
                worker = simulation.worker()
                first = simulation.stream.put(simulation.shard, "a")
                deliver(simulation, worker, first)
                simulation.clock.advance(WINDOW_MS + late_ms)
                copy = simulation.stream.put(simulation.shard, "a")
                simulation.clock.advance(stalled_ms)
                if not is_copy:
                    simulation.account.copies_allowed.add("a")
                deliver(simulation, worker if is_warm else simulation.worker(), copy)
                simulation.settle()


def foreign_bytes_under_the_final_key() -> None:
    """16: never overwritten, never skipped: the shard stops (I2)."""
    simulation = Simulation()
    records = simulation.stream.put(simulation.shard, "a")
    run = simulation.start(simulation.worker(), records).until(PutFinalIfAbsent)
    effect = run.upcoming
    if not isinstance(effect, PutFinalIfAbsent):
        raise Violation("nothing is published")
    simulation.store.visible[effect.key] = b"[]"
    try:
        effect.perform(simulation.worker())
    except BrokenInvariant:
        return
    raise Violation("I2: foreign bytes were accepted under a final key")


SOURCE: Final[tuple[Schedule, ...]] = (
    the_source_discards,
    a_gap_longer_than_one_read,
    a_gap_expired,
    an_old_gap_that_is_still_in_the_stream,
    an_idle_shard_goes_on_after_its_records_expired,
    a_tail_that_expired_before_anybody_looked,
    a_range_that_expired_before_any_commit,
    a_discarded_tail_that_no_record_follows,
    a_cold_start_after_compaction,
    compaction_and_a_publisher_that_stopped,
    a_producer_sends_a_copy_of_what_was_rejected,
    copies_around_the_window,
    foreign_bytes_under_the_final_key,
)

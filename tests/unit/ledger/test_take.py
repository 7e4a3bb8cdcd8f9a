"""The verbs, effect by effect: what is done, in which order, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.core.records import Position, Record
from pipeline.core.result import CoreResult
from pipeline.errors import BrokenInvariant, OperatingError
from pipeline.ledger.effects import (
    CommitTransaction,
    MarkPublished,
    PutDone,
    PutFinalIfAbsent,
    PutJournal,
    PutStaged,
    ReadAfter,
    ReadCommits,
    ReadOnFailurePayload,
    Remember,
    RunCore,
    WriteHead,
)
from pipeline.ledger.gaps import holes
from pipeline.ledger.lineage import rebuild
from pipeline.ledger.protocol import MAYBE_ALIVE, OUT_OF_TIME, WaitsForParent
from pipeline.ledger.publish import publish_named
from pipeline.ledger.state import CommitRef
from pipeline.ledger.steps import run
from pipeline.testing.core import Killed, ScriptedCore
from pipeline.testing.run import Run
from pipeline.testing.simulation import OVER_MS, RUN_MS_MAX, Simulation


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


def trace(run: Run) -> list[str]:
    """Run to the end and return what was done, in order."""
    done = []
    while not run.ended:
        done.append(type(run.upcoming).__name__)
        run.step()
    return done


def test_bytes_are_hidden_until_the_commit_and_journaled_before_they_are_visible(
    simulation: Simulation,
) -> None:
    records = simulation.stream.put(simulation.shard, "a b@1")
    done = trace(simulation.start(simulation.worker(), records))
    order = [
        kind.__name__
        for kind in (
            ReadCommits,
            WriteHead,
            RunCore,
            PutStaged,
            CommitTransaction,
            Remember,
            PutJournal,
            PutFinalIfAbsent,
            PutDone,
            MarkPublished,
        )
    ]
    assert [name for name in dict.fromkeys(done) if name in order] == order[1:]
    assert done.count("PutFinalIfAbsent") == 2
    assert done.count("PutStaged") == 3


def test_the_seen_set_is_found_before_the_fence(simulation: Simulation) -> None:
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "a"))
    records = simulation.stream.put(simulation.shard, "b")
    done = trace(simulation.start(simulation.worker(), records))
    assert done.index("ReadCommits") < done.index("WriteHead") < done.index("RunCore")


def test_a_warm_set_is_used_only_right_after_its_commit(simulation: Simulation) -> None:
    """I4: the second take of a worker reads no ids, a take after another's commit does."""
    worker = simulation.worker()
    simulation.take(worker, simulation.stream.put(simulation.shard, "a"))
    warm = trace(simulation.start(worker, simulation.stream.put(simulation.shard, "b")))
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "c"))
    cold = trace(simulation.start(worker, simulation.stream.put(simulation.shard, "d")))
    assert "ReadCommits" not in warm
    assert "ReadCommits" in cold


def test_a_batch_that_holds_the_committed_position_needs_no_read(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a", "b", "c")
    simulation.take(simulation.worker(), records[:2])
    overlapping = simulation.start(simulation.worker(), records[1:])
    assert ReadAfter.__name__ not in trace(overlapping)
    later = simulation.start(simulation.worker(), simulation.stream.put(simulation.shard, "d"))
    assert trace(later).count(ReadAfter.__name__) == 1


def test_a_committed_batch_is_answered_without_a_write(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a")
    simulation.take(simulation.worker(), records)
    again = simulation.start(simulation.worker(), records)
    assert trace(again) == ["ReadHead", "Now"]
    assert again.outcome is not None
    assert again.outcome.first_uncommitted is None
    assert again.outcome.commits == ()


def test_near_the_deadline_the_first_uncommitted_position_is_answered(
    simulation: Simulation,
) -> None:
    records = simulation.stream.put(simulation.shard, "a", "b", "c")
    run = simulation.start(simulation.worker(ScriptedCore(records_max=1)), records)
    run.until(MarkPublished)
    simulation.clock.advance(RUN_MS_MAX - simulation.settings.margin_ms)
    outcome = run.finish()
    assert outcome.committed == records[0].position
    assert outcome.first_uncommitted == records[1].position
    assert outcome.waits_for == OUT_OF_TIME
    simulation.settle()


def test_a_core_that_stops_early_is_committed_to_where_it_stopped(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a", "b", "a c")
    outcome = simulation.take(simulation.worker(ScriptedCore(records_max=2)), records)
    assert [ref.first for ref in outcome.commits] == [records[0].position, records[2].position]
    assert outcome.counts.records == 3
    assert outcome.counts.duplicates == 1
    simulation.settle()


class EndsElsewhere(ScriptedCore):
    """A core with a defect: it claims records that it was not given."""

    def __call__(self, *arguments: Any, **named: Any) -> CoreResult:
        result = super().__call__(*arguments, **named)
        return replace(result, last=Position(result.last + 1_000))


def test_a_core_that_ends_outside_of_its_range_is_stopped(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a")
    with pytest.raises(BrokenInvariant):
        simulation.take(simulation.worker(EndsElsewhere()), records)
    assert not simulation.ledger.commits


def test_a_head_that_names_no_commit_is_stopped(simulation: Simulation) -> None:
    nowhere = CommitRef(first=Position(1), token="t")
    with pytest.raises(BrokenInvariant):
        run(publish_named(simulation.shard, nowhere), simulation.worker())


def test_a_published_commit_is_not_published_again(simulation: Simulation) -> None:
    """T20: the mark decides; its files may have been compacted since."""
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "a"))
    (commit,) = simulation.ledger.commits.values()
    simulation.store.visible.clear()
    run(publish_named(simulation.shard, commit.ref), simulation.worker())
    assert simulation.store.visible == {}


def test_a_mask_waits_until_the_core_survived_a_known_good_record(simulation: Simulation) -> None:
    """A deploy whose core dies on everything masks nothing."""
    good = Record(position=Position(0), partition_key="k", arrival_ms=0, data=b"kill")
    simulation.settings = replace(simulation.settings, known_good=good)
    records = simulation.stream.put(simulation.shard, "kill")
    simulation.account.may_be_masked.add(records[0].position)
    for _ in range(8):
        with pytest.raises(Killed):
            simulation.take(simulation.worker(), records)
        simulation.clock.advance(OVER_MS)
    assert not simulation.ledger.commits

    simulation.settings = replace(simulation.settings, known_good=replace(good, data=b"raise"))
    with pytest.raises(OperatingError, match="known to be good") as caught:
        simulation.take(simulation.worker(), records)
    assert not caught.value.retryable

    simulation.settings = replace(simulation.settings, known_good=replace(good, data=b"fine"))
    assert simulation.take(simulation.worker(), records).masked == 1


def test_an_error_says_when_its_token_could_not_be_taken_off(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a")
    attempt = simulation.start(simulation.worker(), records).until(PutStaged)
    attempt.step(fail=OperatingError("S3 is away"))
    attempt.step(fail=OperatingError("DynamoDB is away"))
    assert attempt.error is not None
    assert "S3 is away" in str(attempt.error)
    assert "DynamoDB is away" in attempt.error.__notes__[0]


def test_a_mapping_at_latest_fills_no_history(simulation: Simulation) -> None:
    simulation.settings = replace(simulation.settings, from_oldest=False)
    records = simulation.stream.put(simulation.shard, "old", "a", "b")
    simulation.account.before_the_origin.add(records[0].position)
    simulation.start(simulation.worker(), records[1:2]).until(RunCore).kill()
    simulation.take(simulation.worker(), records[2:])
    assert sorted(row[0] for row in simulation.stored()) == ["a", "b"]


def test_a_rebuild_leaves_out_what_was_committed_after_the_head_was_read(
    simulation: Simulation,
) -> None:
    """T9: a zombie must not learn from the very commit that fenced it off."""
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "a"))
    head = simulation.ledger.heads[simulation.shard]
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "b"))
    arrival_ms = simulation.clock()
    seen: Any = run(
        rebuild(head, arrival_ms=arrival_ms, settings=simulation.settings), simulation.worker()
    )
    assert set(seen.entries) == {"a"}


def test_a_child_raises_while_its_parent_is_not_at_its_end(simulation: Simulation) -> None:
    simulation.stream.put(simulation.shard, "a")
    simulation.take(simulation.worker(), simulation.stream.put(simulation.shard, "b"))
    simulation.stream.put(simulation.shard, "c")
    child = simulation.stream.open("s1", parents=["s0"])
    records = simulation.stream.put(child, "d")
    with pytest.raises(WaitsForParent) as caught:
        simulation.take(simulation.worker(), records, shard=child)
    assert caught.value.retryable
    simulation.settle()


def test_a_sweep_waits_one_longest_run_after_the_deadlines(simulation: Simulation) -> None:
    records = simulation.stream.put(simulation.shard, "a")
    simulation.start(simulation.worker(), records).until(PutStaged).kill()
    for passed_ms, waits_for in ((0, MAYBE_ALIVE), (RUN_MS_MAX, MAYBE_ALIVE), (2, None)):
        simulation.clock.advance(passed_ms)
        if waits_for is None:
            simulation.clock.advance(RUN_MS_MAX)
        outcome = simulation.start_sweep(simulation.worker(), simulation.shard).finish()
        assert outcome.waits_for == waits_for
    assert [row[0] for row in simulation.stored()] == ["a"]


def test_a_sweep_ends_at_what_had_arrived_when_it_began(simulation: Simulation) -> None:
    simulation.stream.put(simulation.shard, "a")
    simulation.clock.advance(3 * RUN_MS_MAX)
    sweeping = simulation.start_sweep(simulation.worker(), simulation.shard).until(RunCore)
    simulation.clock.advance(1)
    simulation.stream.put(simulation.shard, "b")
    sweeping.finish()
    assert [row[0] for row in simulation.stored()] == ["a"]


def test_on_failure_objects_are_only_looked_up_when_something_may_have_expired(
    simulation: Simulation,
) -> None:
    records = simulation.stream.put(simulation.shard, "a", "b", "c")
    simulation.take(simulation.worker(), records[:1])
    done = trace(simulation.start(simulation.worker(), records[2:]))
    assert ReadOnFailurePayload.__name__ not in done


def test_holes_are_what_no_discarded_batch_covers() -> None:
    def batch(*positions: int) -> tuple[Record, ...]:
        return tuple(
            Record(position=Position(p), partition_key="k", arrival_ms=0, data=b"")
            for p in positions
        )

    found = holes([batch(8, 9), batch(3, 5), batch(4, 6)], after=Position(1), before=Position(12))
    assert [(lost.first, lost.last) for lost in found] == [(2, 2), (7, 7), (10, 11)]
    assert holes([batch(2, 3)], after=Position(1), before=Position(4)) == ()

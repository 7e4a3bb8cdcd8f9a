"""The guards of protocol.md, each with the patch that switches it off."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pipeline.core.records import ShardId
from pipeline.ledger import attempt, gaps, isolation, lineage, protocol, restore
from pipeline.ledger.effects import MarkPublished, Recall, Remember
from pipeline.ledger.seams import WarmSet, World
from pipeline.ledger.steps import Effect, Steps, ask
from pipeline.testing import memory, simulation
from pipeline.testing.core import ScriptedSeen

Patch = pytest.MonkeyPatch
real: dict[str, Any] = {
    "recover": gaps.recover,
    "attempt": attempt.attempt,
    "run_core": attempt.run_core,
    "compact": simulation.Simulation.compact,
}


def the_set_changes_before_the_commit(patch: Patch) -> None:
    def run_core(fenced: Any, plan: Any, *, token: str, seen: Any) -> Steps[Any]:
        result = yield from real["run_core"](fenced, plan, token=token, seen=seen)
        if fenced.last_commit is not None and result.ids:
            warm = WarmSet(commit=fenced.last_commit, seen=seen.with_ids(result.ids))
            yield from ask(Remember(fenced.shard, warm))
        return result

    patch.setattr(attempt, "run_core", run_core)


def the_warm_set_has_no_tag(patch: Patch) -> None:
    def seen_ids(head: Any, *, arrival_ms: int, settings: Any) -> Steps[Any]:
        warm = yield from ask(Recall(head.shard))
        if warm is not None:
            return warm.seen
        return (yield from lineage.rebuild(head, arrival_ms=arrival_ms, settings=settings))

    patch.setattr(attempt, "seen_ids", seen_ids)


def no_dedupe(patch: Patch) -> None:
    def seen_ids(head: Any, *, arrival_ms: int, settings: Any) -> Steps[Any]:
        return settings.empty_seen
        yield

    patch.setattr(attempt, "seen_ids", seen_ids)


def the_transaction_has_no_fence(patch: Patch) -> None:
    def commit(self: Any, commit: Any, advance: Any, /) -> None:
        self.heads[commit.shard] = memory.advanced(self.heads[commit.shard], commit, advance)
        self.commits[commit.shard, commit.first] = commit

    patch.setattr(memory.MemoryLedger, "commit", commit)


def the_head_is_written_whatever_it_says(patch: Patch) -> None:
    def write_head(self: Any, head: Any, *, unchanged_since: str | None) -> None:
        self.heads[head.shard] = head

    patch.setattr(memory.MemoryLedger, "write_head", write_head)


def no_gap_check(patch: Patch) -> None:
    def follow(head: Any, known: Any, work: Any, settings: Any) -> Steps[Any]:
        if work.records:
            return gaps.Known(records=work.records).after(head.committed)
        return (yield from gaps.follow(head, known, work, settings))

    patch.setattr(protocol, "follow", follow)


def lost_ranges_are_passed_over(patch: Patch) -> None:
    patch.setattr(gaps, "holes", lambda batches, *, after, before: ())


def a_held_position_proves_nothing(patch: Patch) -> None:
    def recover(head: Any, probe: Any, *, before: Any, settings: Any) -> Steps[Any]:
        unsure = replace(probe, held=False)
        return (yield from real["recover"](head, unsure, before=before, settings=settings))

    patch.setattr(gaps, "recover", recover)


def an_empty_stream_is_not_noted(patch: Patch) -> None:
    def note_the_end(*_: Any) -> Steps[int]:
        return 0
        yield

    patch.setattr(protocol, "note_the_end", note_the_end)


def an_empty_stream_vouches_for_all_before_it(patch: Patch) -> None:
    patch.setattr(protocol, "is_proven", lambda *_, **__: True)


def what_is_gone_has_no_end(patch: Patch) -> None:
    def ends(*_: Any) -> Steps[Any]:
        return []
        yield

    patch.setattr(gaps, "ends_of_what_is_gone", ends)
    patch.setattr(protocol, "ends_of_what_is_gone", ends)


def what_expired_is_not_looked_up(patch: Patch) -> None:
    def recover(*_: Any, **__: Any) -> Steps[Any]:
        return (), ()
        yield

    patch.setattr(gaps, "recover", recover)


def no_sweeper(patch: Patch) -> None:
    def sweep(shard: ShardId, *, deadline_ms: int, settings: Any) -> Steps[Any]:
        return protocol.Progress(shard=shard).outcome(protocol.first_head(work(shard), settings))
        yield

    def work(shard: ShardId) -> Any:
        return protocol.Take(shard=shard, records=(), deadline_ms=0, until_ms=0)

    patch.setattr(protocol, "sweep", sweep)


def the_sweeper_fences_live_workers(patch: Patch) -> None:
    patch.setattr(protocol, "stood_still", lambda head, *, now_ms, settings: True)
    patch.setattr(protocol, "is_abandoned", lambda head, *, now_ms, settings: True)


def a_sweep_looks_once_whether_anybody_is_at_work(patch: Patch) -> None:
    def stood_still(head: Any, *, now_ms: int, settings: Any) -> bool:
        tokens = head.open_range.tokens if head.open_range is not None else ()
        times = [head.changed_ms, *(token.deadline_ms for token in tokens)]
        return max(times) + settings.run_ms_max < now_ms

    patch.setattr(protocol, "stood_still", stood_still)
    patch.setattr(protocol, "is_abandoned", lambda head, *, now_ms, settings: True)


def parents_are_not_awaited(patch: Patch) -> None:
    def await_parents(head: Any, *_: Any) -> Steps[Any]:
        return head
        yield

    patch.setattr(protocol, "await_parents", await_parents)


def the_lineage_is_the_shard_itself(patch: Patch) -> None:
    def ancestors(shard: ShardId, head: Any) -> Steps[Any]:
        return ()
        yield

    patch.setattr(lineage, "ancestors", ancestors)


def the_lineage_is_the_parents_only(patch: Patch) -> None:
    def ancestors(shard: ShardId, head: Any) -> Steps[Any]:
        listed = yield from ask(lineage.ReadLineage())
        return lineage.parents_of(shard, head, listed)

    patch.setattr(lineage, "ancestors", ancestors)


def one_parent_of_a_merge_is_forgotten(patch: Patch) -> None:
    def parents_of(shard: ShardId, head: Any, listed: Any) -> Any:
        return next((info.parents[:1] for info in listed if info.shard == shard), ())

    patch.setattr(lineage, "parents_of", parents_of)


@dataclass(frozen=True)
class IdsFromLakeFiles(Effect[Any]):
    """The ids of a shard as its visible files have them."""

    shard: ShardId
    empty: Any

    def perform(self, world: World) -> Any:
        visible: dict[str, bytes] = world.store.visible  # type: ignore[attr-defined]
        rows = [r for k, b in visible.items() if f"/{self.shard}-" in k for r in json.loads(b)]
        now_ms = world.now_ms()
        return self.empty.with_ids(json.dumps([(row[0], now_ms, True) for row in rows]).encode())


def ids_come_from_lake_files(patch: Patch) -> None:
    def rebuild(head: Any, *, arrival_ms: int, settings: Any) -> Steps[Any]:
        return (yield from ask(IdsFromLakeFiles(head.shard, settings.empty_seen)))

    patch.setattr(lineage, "rebuild", rebuild)


def compaction_beside_a_live_publisher(patch: Patch) -> None:
    def compact(self: Any, *, age_ms_min: int = 0) -> None:
        real["compact"](self, age_ms_min=-1)

    patch.setattr(simulation.Simulation, "compact", compact)


def the_key_is_the_batch_s_first(patch: Patch) -> None:
    batch: dict[str, Any] = {}

    def attempted(head: Any, known: Any, work: Any, settings: Any) -> Steps[Any]:
        batch["first"] = work.records[0].position if work.records else known.records[0].position
        return (yield from real["attempt"](head, known, work, settings))

    patch.setattr(protocol, "attempt", attempted)
    patch.setattr(isolation.Plan, "first", property(lambda plan: batch["first"]))


def success_is_answered_early(patch: Patch) -> None:
    patch.setattr(protocol, "is_reached", lambda head, up_to: head.committed is not None)


def the_next_batch_goes_before_what_is_unpublished(patch: Patch) -> None:
    def publish_named(shard: ShardId, ref: Any) -> Steps[int]:
        yield from ask(MarkPublished(shard=shard, ref=ref, revision="r", now_ms=0))
        return 0

    patch.setattr(protocol, "publish_named", publish_named)


def foreign_bytes_are_skipped(patch: Patch) -> None:
    def put_final(self: Any, key: str, body: bytes, *, sha256: str) -> None:
        self.visible.setdefault(key, body)

    patch.setattr(memory.MemoryStore, "put_final", put_final)


def rejected_ids_are_not_remembered(patch: Patch) -> None:
    with_ids = ScriptedSeen.with_ids

    def forgetful(self: Any, ids: bytes, /) -> Any:
        stored = [entry for entry in json.loads(ids) if entry[2]]
        return with_ids(self, json.dumps(stored).encode())

    patch.setattr(ScriptedSeen, "with_ids", forgetful)


def a_rewound_ledger_is_used_as_it_is(patch: Patch) -> None:
    def nothing(shard: ShardId) -> Steps[Any]:
        return None
        yield

    patch.setattr(restore, "restore", nothing)


def a_restore_trusts_the_journal_alone(patch: Patch) -> None:
    def unpublished_of(head: Any, journal: Any) -> Any:
        return next((e.commit.ref for e in journal if e.published_ms is None), None)

    patch.setattr(restore, "unpublished_of", unpublished_of)


def a_restore_trusts_the_head_alone(patch: Patch) -> None:
    patch.setattr(restore, "unpublished_of", lambda head, journal: head.unpublished)

"""The event source mapping by the real rules: delivers, retries, splits, gives up, starts again."""

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.settings import Settings
from pipeline.core.records import Record, ShardId
from pipeline.testing.simulation import RUN_MS_MAX
from tests.simulation.invocation import Invocation
from tests.simulation.processes import Process

if TYPE_CHECKING:
    from pipeline.testing.run import Run
    from tests.simulation.universe import Universe

POLL_MS = 1_000
READ_MAX = 6


class Mapping:
    """A mapping: its shards at work, their checkpoints, and which of them are finished."""

    def __init__(self, universe: "Universe") -> None:
        self.universe = universe
        conditions = universe.script.conditions
        self.settings = Settings(
            batch_size=conditions.batch_size,
            window_seconds=conditions.batch_window_seconds,
            retries_max=conditions.retries_max,
            bisect=conditions.bisect,
            partial_responses=True,
            age_seconds_max=conditions.kept_ms / 1000,
        )
        self.checkpoints: dict[ShardId, list[int | None]] = defaultdict(lambda: [None, None])
        self.finished: set[str] = set()
        self.turns: dict[str, int] = defaultdict(int)
        self._at_work: dict[ShardId, MappedShard] = {}
        self._running = True

    def start(self) -> None:
        """Deliver every shard whose parents are finished."""
        if not self._running:
            return
        stream = self.universe.simulation.stream
        parents = {
            str(name): [str(parent) for parent in shard.parents]
            for name, shard in stream.shards_by_id.items()
            if shard.listed
        }
        for name in rules.shards_to_start(parents, self.finished):
            if name not in self._at_work:
                self._at_work[ShardId(name)] = MappedShard(self, ShardId(name))

    def stop(self) -> None:
        """Deliver nothing more; runs under way go on, and nobody hears their answer."""
        self._running = False
        for shard in self._at_work.values():
            shard.stopped = True
        self._at_work.clear()

    def resume(self, *, back: int = 0, batch_size: int | None = None) -> None:
        """Start again from the last checkpoint, or from the one before it."""
        self.stop()
        self._running = True
        if batch_size is not None:
            self.settings = Settings(**{**self.settings.__dict__, "batch_size": batch_size})
        for saved in self.checkpoints.values():
            if back:
                saved[-1] = saved[-2]
        self.start()

    def wake(self, shard: ShardId) -> None:
        """Tell a shard that there is news in the stream."""
        if shard in self._at_work:
            self._at_work[shard].wake()

    def wake_all(self) -> None:
        """Tell every shard that there may be news."""
        for shard in self._at_work.values():
            shard.wake()

    def turn(self, lane: str) -> int:
        """Return how many turns a lane had, counting this one."""
        self.turns[lane] += 1
        return self.turns[lane]

    def finish(self, shard: ShardId) -> None:
        """Note that a shard is delivered to its end."""
        self.finished.add(shard)
        self._at_work.pop(shard, None)
        self.start()


class MappedShard:
    """One shard on its way through the mapping."""

    def __init__(self, mapping: Mapping, shard: ShardId) -> None:
        self._mapping = mapping
        self._universe = mapping.universe
        self._shard = shard
        self._state = rules.Shard(mapping.settings, checkpoint=mapping.checkpoints[shard][-1])
        self._parked = False
        self.stopped = False
        self._again(0)

    def wake(self) -> None:
        """Read again, if all that was there had been read."""
        if self._parked:
            self._parked = False
            self._again(POLL_MS // 2)

    def _again(self, delay_ms: int) -> None:
        self._universe.at(self._universe.clock.ms + delay_ms, self._move)

    def _move(self) -> None:
        if self.stopped:
            return
        now = self._universe.clock.ms / 1000
        match self._state.next(now):
            case rules.Read(not_before=at) | rules.Wait(until=at) if at > now:
                self._again(max(1, math.ceil(at * 1000) - self._universe.clock.ms))
            case rules.Read() | rules.Wait():
                self._read(now)
            case rules.Invoke(batch=batch):
                self._invoke(batch)
            case rules.Discard(batch=batch, condition=condition):
                self._discard(batch, condition)
            case rules.Finished():
                self._universe.say("the mapping is at the end of {}", self._shard)
                self._mapping.finish(self._shard)

    def _fault(self, verb: str, kinds: tuple[str, ...]) -> Any:
        lane = f"{verb} {self._shard}"
        moment = (lane, self._mapping.turn(lane), 0)
        rate = self._universe.script.conditions.mapping_rate
        fault = self._universe.script.fault(moment, kinds, rate=rate)
        if fault is not None:
            self._universe.effects_seen[verb, fault.kind] += 1
        return fault

    def _read(self, now: float) -> None:
        held = self._universe.simulation.stream.shards_by_id[self._shard]
        position = self._state.position if self._state.position is not None else -1
        found = [record for record in held.records if record.position > position]
        if not found and not held.closed:
            self._parked = self._state.position == self._state.checkpoint
            next_read = now if self._parked else now + POLL_MS / 1000
            self._state.read([], now=now, ended=False, next_read=next_read)
            if not self._parked:
                self._again(1)
            return
        fault = self._fault("read", ("throttle", "empty", "short"))
        kind = fault.kind if fault is not None else ""
        if kind:
            self._universe.say("the mapping reads {}: {}", self._shard, kind)
        if kind == "throttle":
            self._again(POLL_MS)
            return
        size = {"empty": 0, "short": 1}.get(kind, READ_MAX)
        read, left = found[:size], found[size:]
        self._state.read(
            [seen(record) for record in read],
            now=now,
            ended=held.closed and not left,
            next_read=now if read and left else now + POLL_MS / 1000,
        )
        self._again(1)

    def _invoke(self, batch: rules.Batch) -> None:
        universe = self._universe
        fault = self._fault("invoke", ("throttle", "cold", "lost_answer"))
        kind = fault.kind if fault is not None else ""
        if kind == "throttle":
            universe.say("the function is throttled")
            self._state.not_invoked(now=universe.clock.ms / 1000)
            self._again(1)
            return
        process = universe.functions.acquire(cold=kind == "cold")
        shard, records = self._shard, self._records(batch)
        positions = f"{records[0].position}..{records[-1].position}"
        universe.say("{} is given {} {}", process.worker.name, shard, positions)

        def take(process: Process) -> "Run[Any]":
            return universe.simulation.start(process.worker, records, shard=shard)

        lane = f"take {shard}"
        heard: list[bool] = []

        def hear(answer: rules.Answer, how: str = "") -> None:
            if heard or self.stopped:
                return
            heard.append(True)
            if how:
                universe.say("{}", how)
            self._state.answered(answer, now=universe.clock.ms / 1000)
            self._save()
            self._again(1)

        Invocation(
            universe,
            process,
            [take],
            lane=lane,
            number=self._mapping.turn(lane),
            on_end=lambda invocation: hear(answer_of(invocation)),
        )
        if kind == "lost_answer":
            lost = f"the answer of {process.worker.name} will not reach the mapping"
            delay_ms = min(fault.ms, RUN_MS_MAX - 1)
            universe.at(universe.clock.ms + delay_ms, lambda: hear(rules.Answer(failed=True), lost))

    def _records(self, batch: rules.Batch) -> tuple[Record, ...]:
        produced = self._universe.simulation.stream.shards_by_id[self._shard].produced
        wanted = {record.sequence for record in batch.records}
        return tuple(record for record in produced if record.position in wanted)

    def _discard(self, batch: rules.Batch, condition: rules.Condition) -> None:
        fault = self._fault("discard", ("refused",))
        if fault is not None:
            self._state.not_discarded(now=self._universe.clock.ms / 1000)
        else:
            records = self._records(batch)
            positions = f"{records[0].position}..{records[-1].position}"
            self._universe.say(
                "the mapping gives up {} {}: {}", self._shard, positions, condition.value
            )
            if self._universe.script.conditions.keeps_discards:
                self._universe.simulation.stream.discard(self._shard, records)
            self._state.discarded()
            self._save()
        self._again(1)

    def _save(self) -> None:
        saved = self._mapping.checkpoints[self._shard]
        if saved[-1] != self._state.checkpoint:
            saved[:] = [saved[-1], self._state.checkpoint]


def seen(record: Record) -> rules.Record:
    """Return a record as the mapping sees it."""
    return rules.Record(
        sequence=record.position, arrival=record.arrival_ms / 1000, body=record.data
    )


def answer_of(invocation: Invocation) -> rules.Answer:
    """Return what the handler answers: a partial batch response (`pipeline.functions`)."""
    if invocation.died or invocation.errors:
        return rules.Answer(failed=True)
    left = invocation.outcomes[0].first_uncommitted
    failures = [] if left is None else [{"itemIdentifier": str(left)}]
    return rules.Answer(failed=False, result={"batchItemFailures": failures})

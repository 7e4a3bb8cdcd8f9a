"""Timers and hands: sweeper, reader, compaction, backups, expiry, deploys, splits, restores."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.core.records import Position, ShardId
from pipeline.ledger.memory import MemoryLedger
from pipeline.ledger.state import Head
from pipeline.testing.account import Violation
from pipeline.testing.core import ScriptedCore
from pipeline.testing.simulation import RUN_MS_MAX
from pipeline.testing.stream import ScriptedShard
from tests.simulation.invocation import Invocation, shard_job
from tests.simulation.processes import Process
from tests.simulation.script import Happening

if TYPE_CHECKING:
    from pipeline.testing.run import Run
    from tests.simulation.universe import Universe

SWEEP_EVERY_MS = 60_000
READ_EVERY_MS = 7_000
COMPACT_EVERY_MS = 45_000
BACK_UP_EVERY_MS = 15_000
EXPIRE_EVERY_MS = 20_000
OUTAGES_MS = (60_000, 400_000, 1_200_000, 2_400_000)


class Operators:
    """Everybody who acts on a timer, and everybody who acts by hand."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._simulation = universe.simulation
        self._sweeping = False
        self._sweeper_off = False
        self._swept_ms: dict[ShardId, int] = {}
        self._proven: dict[ShardId, Position | None] = {}
        self._meddles = False
        self._turns = 0
        self._backups: list[MemoryLedger] = []
        self._read: Counter[Any] = Counter()
        self._seen_keys: set[str] = set()
        self._closed_ms: dict[ShardId, int] = {}
        self.busy = 0

    def start_timers(self) -> None:
        """Start every timer that the conditions ask for."""
        conditions = self._universe.script.conditions
        self._every(SWEEP_EVERY_MS, self._sweep)
        self._every(READ_EVERY_MS, self._poll)
        if conditions.compacts:
            self._every(COMPACT_EVERY_MS, self._compact)
        if conditions.backs_up:
            self._backups.append(self._simulation.backup())
            self._every(BACK_UP_EVERY_MS, self._back_up)
        if conditions.expires:
            self._every(EXPIRE_EVERY_MS, self._expire)

    def _every(self, ms: int, action: Any) -> None:
        def act() -> None:
            action()
            self._every(ms, action)

        self._universe.at(self._universe.clock.ms + ms, act)

    def _sweep(self) -> None:
        """Sweep every shard in one process, one sweep at a time (`Worker.sweep`)."""
        if self._sweeping or self._sweeper_off:
            return
        self._sweeping = True
        process = self._universe.functions.acquire(cold=False)
        deadline_ms = process.worker.now_ms() + RUN_MS_MAX

        def job(process: Process, shard: ShardId) -> "Run[Any]":
            return self._simulation.start_sweep(process.worker, shard, deadline_ms=deadline_ms)

        def end(invocation: Invocation) -> None:
            self._sweeping = False
            self._look()
            for outcome in invocation.outcomes:
                self._swept_ms[outcome.shard] = self._universe.clock.ms

        jobs = [
            (lambda process, shard=shard: job(process, shard))
            for shard, held in self._simulation.stream.shards_by_id.items()
            if held.listed or shard in self._simulation.ledger.heads
        ]
        self._turns += 1
        Invocation(self._universe, process, jobs, lane="sweep", number=self._turns, on_end=end)

    def _poll(self) -> None:
        """Read the lake as a reader does, and compare with what was read before (P2, P3)."""
        readable = self._simulation.readable
        if readable.keys() == self._seen_keys:
            return
        self._seen_keys = set(readable)
        rows = Counter(self._simulation.stored())
        if gone := self._read - rows:
            raise Violation(f"P3: a reader misses {next(iter(gone))[0]}, which it has seen")
        if twice := [row for row, times in rows.items() if times > 1]:
            raise Violation(f"P2: a reader sees {twice[0][0]} of one record twice")
        self._read = rows

    def _compact(self) -> None:
        skew_ms = 2 * self._universe.script.conditions.skew_ms
        self._simulation.compact(age_ms_min=RUN_MS_MAX + skew_ms)
        self._simulation.check()

    def _back_up(self) -> None:
        if not self.busy:
            self._backups.append(self._simulation.backup())

    def _expire(self) -> None:
        """Let go what is too old, and note what nobody had committed by then."""
        account = self._simulation.account
        oldest_ms = self._universe.clock.ms - self._universe.script.conditions.kept_ms
        for name, shard in self._simulation.stream.shards_by_id.items():
            expired = [record for record in shard.records if record.arrival_ms < oldest_ms]
            head = self._simulation.ledger.heads.get(name)
            committed = head.committed if head is not None else None
            kept = {r.position for batch in shard.discards for r in batch}
            for record in expired:
                if committed is not None and record.position <= committed:
                    continue
                if record.position in kept:
                    account.losses_are_possible = True  # around it, for positions are not dense
                else:
                    lost = account.before_the_origin if committed is None else account.may_be_lost
                    lost.add(record.position)
                    self._universe.say("{} of {} expires", record.position, name)
            if expired:
                self._simulation.stream.expire(name, up_to=expired[-1].position)
            if shard.listed and self._closed_ms.get(name, oldest_ms) < oldest_ms:
                self._universe.say("{} leaves the stream", name)
                shard.listed = False
                account.may_be_lost |= {
                    r.position for r in shard.produced if r.position > (committed or -1)
                }

        self._look()

    def _look(self) -> None:
        """Note whether a loss may be recorded though nothing is lost: rather once too often."""
        account = self._simulation.account
        for name, head in self._simulation.ledger.heads.items():
            if head.committed is not None and self._universe.script.conditions.expires:
                shard = self._simulation.stream.shards_by_id[name]
                account.losses_are_possible |= self._nothing_proves(head, shard)

    def _nothing_proves(self, head: Head, shard: ScriptedShard) -> bool:
        """Return whether nobody can know that nothing expired after the head.

        Its record is gone, and the head is behind, or was never proven, or nobody looked for long.
        """
        settings = self._simulation.settings
        now_ms = self._universe.clock.ms
        oldest_ms = now_ms - settings.retention_ms + settings.clock_skew_ms
        is_held = any(record.position == head.committed for record in shard.records)
        if is_held or (head.settled_ms or 0) > oldest_ms:
            self._proven[head.shard] = head.committed
            return False
        is_behind = any(record.position > (head.committed or 0) for record in shard.produced)
        is_watched = self._swept_ms.get(head.shard, 0) > now_ms - settings.retention_ms // 4
        return is_behind or not is_watched or self._proven.get(head.shard) != head.committed

    def act(self, happening: Happening) -> None:
        """Do what an operator does by hand."""
        number = happening.number
        match happening.kind:
            case "split":
                self._split(number)
            case "merge":
                self._merge(number)
            case "deploy":
                self._deploy(self._universe.version(number), f"version {number % 5}")
            case "bad deploy":
                bad = ScriptedCore(kills_together=frozenset())
                self._deploy(bad, "a version that dies of everything")
                good = self._universe.version(0)
                back_ms = self._universe.clock.ms + 100_000 + 1_000 * number % 200
                self._universe.at(back_ms, lambda: self._deploy(good, "the version before it"))
            case "stranger":
                self._universe.say("somebody is about to write into the lake")
                self._meddles = True
            case "restart" | "resize" | "outage" | "restore" if self.busy:
                return
            case "restart":
                self._universe.say("the mapping starts again")
                self._universe.mapping.resume(back=number % 2)
            case "resize":
                self._universe.say("batches get {} records", 1 + number % 6)
                self._universe.mapping.resume(batch_size=1 + number % 6)
            case "outage":
                self._outage(OUTAGES_MS[number % 4])
            case "restore":
                self._restore(number)

    def meddle(self) -> None:
        """Let somebody else write under the next final key, before it is published (I2)."""
        if not self._meddles:
            return
        for commit in self._simulation.ledger.commits.values():
            head = self._simulation.ledger.heads[commit.shard]
            if head.unpublished == commit.ref and commit.files:
                key = commit.files[0].final_key
                if key not in self._simulation.readable:
                    self._universe.say("somebody else writes {}", key)
                    self._meddles = False
                    self._simulation.account.foreign.add(key)
                    self._simulation.store.visible[key] = b"[]"
                    return

    def _deploy(self, core: ScriptedCore, what: str) -> None:
        self._universe.say("{} is deployed", what)
        self._universe.functions.deploy(core)

    def _open(self) -> list[ShardId]:
        shards = self._simulation.stream.shards_by_id
        ranges = self._universe.producer.ranges
        return sorted((n for n, s in shards.items() if not s.closed), key=lambda n: ranges[n])

    def _split(self, number: int) -> None:
        ranges = self._universe.producer.ranges
        wide = [name for name in self._open() if ranges[name][1] - ranges[name][0] > 1]
        if wide:
            parent = wide[number % len(wide)]
            low, high = ranges[parent]
            middle = (low + high) // 2
            self._universe.say("{} is split", parent)
            self._reshard([parent], [(low, middle), (middle, high)])

    def _merge(self, number: int) -> None:
        ranges = self._universe.producer.ranges
        shards = self._open()
        if len(shards) > 1:
            at = number % (len(shards) - 1)
            one, other = shards[at : at + 2]
            self._universe.say("{} and {} are merged", one, other)
            self._reshard([one, other], [(ranges[one][0], ranges[other][1])])

    def _reshard(self, parents: list[ShardId], lanes: list[tuple[int, int]]) -> None:
        for each in lanes:
            self._universe.open_shard(each, parents=tuple(parents))
        for parent in parents:
            self._closed_ms[parent] = self._universe.clock.ms
            self._universe.mapping.wake(parent)
        self._universe.mapping.start()

    def _outage(self, ms: int) -> None:
        """Let neither mapping nor sweeper run for a while."""
        self._universe.say("mapping and sweeper are down for {} ms", ms)
        self.busy += 1
        self._universe.mapping.stop()
        self._sweeper_off = True

        def end() -> None:
            self.busy -= 1
            self._sweeper_off = False
            self._universe.mapping.resume()

        self._universe.at(self._universe.clock.ms + ms, end)

    def _restore(self, number: int) -> None:
        """Stop all, wait for one longest run, rewind the ledger, reconcile, start (T21)."""
        if not self._backups:
            return
        self.busy += 1
        backup = self._backups[-1 - number % min(len(self._backups), 6)]
        self._universe.say("mapping and workers are stopped for a restore")
        self._universe.mapping.stop()
        self._sweeper_off = True

        def rewind() -> None:
            self._universe.say("the ledger is rewound")
            self._universe.functions.stop()
            self._simulation.rewind(backup)
            self._reconcile()

        self._universe.at(self._universe.clock.ms + RUN_MS_MAX + 1, rewind)

    def _reconcile(self) -> None:
        process = self._universe.functions.acquire(cold=True)
        shards = list(self._simulation.stream.shards_by_id)
        jobs = [shard_job(shard, self._simulation.start_restore) for shard in shards]

        def end(invocation: Invocation) -> None:
            if invocation.died or invocation.errors:
                retry_ms = self._universe.clock.ms + RUN_MS_MAX + 1
                self._universe.at(retry_ms, self._reconcile)
                return
            self.busy -= 1
            self._sweeper_off = False
            self._backups = [self._simulation.backup()]
            self._universe.say("the ledger is reconciled with the journal")
            self._simulation.check()
            self._universe.mapping.resume(back=1)

        self._turns += 1
        Invocation(self._universe, process, jobs, lane="restore", number=self._turns, on_end=end)

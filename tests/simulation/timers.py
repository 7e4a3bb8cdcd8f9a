"""What comes round on a timer: sweeper, reader, compaction, backups, expiry."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.core.records import Position, ShardId
from pipeline.ledger.state import Head
from pipeline.testing.account import Violation
from pipeline.testing.memory import MemoryLedger
from pipeline.testing.simulation import RUN_MS_MAX
from pipeline.testing.stream import ScriptedShard
from tests.simulation.invocation import Invocation
from tests.simulation.processes import Process

if TYPE_CHECKING:
    from pipeline.testing.run import Run
    from tests.simulation.universe import Universe

SWEEP_EVERY_MS = 60_000
READ_EVERY_MS = 7_000
COMPACT_EVERY_MS = 45_000
BACK_UP_EVERY_MS = 15_000
EXPIRE_EVERY_MS = 20_000


class Timers:
    """Everybody who acts on a timer; `closed_ms` is when each shard ended."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._simulation = universe.simulation
        self._sweeping = False
        self._swept_ms: dict[ShardId, int] = {}
        self._proven: dict[ShardId, Position | None] = {}
        self._turns = 0
        self._read: Counter[Any] = Counter()
        self._seen_keys: set[str] = set()
        self.sweeper_off = False
        self.backups: list[MemoryLedger] = []
        self.closed_ms: dict[ShardId, int] = {}

    def start(self) -> None:
        """Start every timer that the conditions ask for."""
        conditions = self._universe.script.conditions
        self._every(SWEEP_EVERY_MS, self._sweep)
        self._every(READ_EVERY_MS, self._poll)
        if conditions.compacts:
            self._every(COMPACT_EVERY_MS, self._compact)
        if conditions.backs_up:
            self.backups.append(self._simulation.backup())
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
        if self._sweeping or self.sweeper_off:
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
        self._universe.check()

    def _back_up(self) -> None:
        if not self._universe.operators.busy:
            self.backups.append(self._simulation.backup())

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
            if shard.listed and self.closed_ms.get(name, oldest_ms) < oldest_ms:
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

"""Workers, zombies, crashes and lost replies, one effect at a time, with the invariants checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt, CoreResult
from pipeline.errors import OperatingError
from pipeline.ledger import protocol
from pipeline.ledger import restore as restoring
from pipeline.ledger.isolation import CLOCK_SKEW_MS
from pipeline.ledger.seams import Seen
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import Head, TakeOutcome
from pipeline.ledger.steps import Steps, run
from pipeline.testing.account import Account, Violation, is_quarantine, rows
from pipeline.testing.core import Killed, Row, ScriptedCore, ScriptedSeen
from pipeline.testing.memory import MemoryLedger, MemoryStore
from pipeline.testing.run import Run, SimulatedWorker
from pipeline.testing.settlement import settle
from pipeline.testing.stream import ManualClock, ScriptedStream

WINDOW_MS = 300_000
RUN_MS_MAX = 60_000
OVER_MS = RUN_MS_MAX + CLOCK_SKEW_MS + 1
"""After so long every process holds a run for over, whatever its clock says."""
ROUNDS_MAX = 60


class Simulation:
    """A stream, a ledger, a lake and any number of workers, in one thread."""

    def __init__(self, *, step: int = 3, shards: int = 1) -> None:
        self.clock = ManualClock()
        self.stream = ScriptedStream(self.clock, step=step)
        self.ledger = MemoryLedger()
        self.store = MemoryStore()
        self.account = Account()
        self.compacted: dict[str, bytes] = {}
        self.shard = ShardId("s0")
        for number in range(shards):
            self.stream.open(f"s{number}")
        self.settings = ProtocolSettings(
            window_ms=WINDOW_MS,
            run_ms_max=RUN_MS_MAX,
            empty_seen=ScriptedSeen(window_ms=WINDOW_MS),
            gap_records_max=2,
        )
        self._tokens = (f"t{number}" for number in range(1_000_000))
        self._workers = 0

    def check(self) -> None:
        """Check the invariants. Raises Violation."""
        self.account.check(self)

    def worker(
        self, core: ScriptedCore | None = None, *, clock: Callable[[], int] | None = None
    ) -> SimulatedWorker:
        """Return a cold process; its clock is the world's if it has none of its own."""
        self._workers += 1
        return SimulatedWorker(
            name=f"w{self._workers}",
            core=WatchedCore(core=core or ScriptedCore(), simulation=self),
            ledger=self.ledger,
            store=self.store,
            source=self.stream,
            clock=clock or self.clock,
            tokens=self._tokens,
        )

    def start(
        self, worker: SimulatedWorker, records: Sequence[Record], *, shard: ShardId | None = None
    ) -> Run[TakeOutcome]:
        """Deliver a batch to a worker; the run moves when it is told to."""
        work = Take(
            shard=shard or self.shard,
            records=tuple(records),
            deadline_ms=worker.now_ms() + RUN_MS_MAX,
            until_ms=worker.now_ms(),
        )
        return Run(worker, checked(protocol.take(work, self.settings), self, work), self.check)

    def take(
        self, worker: SimulatedWorker, records: Sequence[Record], *, shard: ShardId | None = None
    ) -> TakeOutcome:
        """Deliver a batch and run it to its end."""
        return self.start(worker, records, shard=shard).finish()

    def start_sweep(
        self, worker: SimulatedWorker, shard: ShardId, *, deadline_ms: int | None = None
    ) -> Run[TakeOutcome]:
        """Sweep one shard, retire it if it left the stream; the run moves when it is told to."""
        deadline_ms = worker.now_ms() + RUN_MS_MAX if deadline_ms is None else deadline_ms
        listed = self.stream.shards_by_id[shard].listed
        steps = (
            protocol.sweep(shard, deadline_ms=deadline_ms, settings=self.settings)
            if listed
            else protocol.retire(shard)
        )
        return Run(worker, steps, self.check)

    def start_restore(self, worker: SimulatedWorker, shard: ShardId) -> "Run[Head | None]":
        """Bring one shard of a rewound ledger up to the journal; the run moves when told to."""
        return Run(worker, restoring.restore(shard), lambda: None)

    def drain(self, worker: SimulatedWorker | None = None) -> None:
        """Let the sweeper come by, timer after timer, until nothing is left to do.

        Raises Violation if it never gets there.
        """
        for _ in range(ROUNDS_MAX):
            self.clock.advance(2 * RUN_MS_MAX + 1_000)
            sweeper = worker or self.worker()
            for shard in self.stream.shards_by_id:
                try:
                    self.start_sweep(sweeper, shard).finish()
                except (OperatingError, Killed):
                    continue  # the next timer tries again
            if self.account.is_drained(self):
                return
        raise Violation(f"not drained after {ROUNDS_MAX} sweeps: {self.ledger.heads}")

    @property
    def readable(self) -> dict[str, bytes]:
        """What a reader of the lake finds: visible files, and those that compaction merged."""
        return {**self.compacted, **self.store.visible}

    def stored(self) -> list[Row]:
        """Return the rows that a reader of the good tables sees, compacted ones included."""
        files = [*self.store.visible.items(), *self.compacted.items()]
        return [row for key, body in files if not is_quarantine(key) for row in rows(body)]

    def quarantined(self) -> list[Row]:
        """Return the rows that a reader of quarantine sees."""
        return [
            row for key, body in self.readable.items() if is_quarantine(key) for row in rows(body)
        ]

    def compact(self, *, age_ms_min: int = RUN_MS_MAX) -> None:
        """Merge files away whose commit was published longer ago than one run (T19)."""
        for commit in self.ledger.commits.values():
            published_ms = self.store.done_ms(commit)
            if published_ms is None or self.clock() - published_ms <= age_ms_min:
                continue
            for file in commit.files:
                if file.final_key in self.store.visible:
                    self.compacted[file.final_key] = self.store.visible.pop(file.final_key)

    def backup(self) -> MemoryLedger:
        """Return the ledger as it is now."""
        return MemoryLedger(heads=dict(self.ledger.heads), commits=dict(self.ledger.commits))

    def rewind(self, backup: MemoryLedger) -> None:
        """Put a backup in the ledger's place, all workers stopped; the lake stays as it is."""
        self.ledger.heads = dict(backup.heads)
        self.ledger.commits = dict(backup.commits)
        self.account.heads.clear()
        self.account.tokens.clear()

    def restore(self, worker: SimulatedWorker) -> None:
        """Bring a rewound ledger up to the journal."""
        self.clock.advance(RUN_MS_MAX + 1)
        for shard in self.stream.shards_by_id:
            run(restoring.restore(shard), worker)

    def settle(self) -> None:
        """Drain, then account for every id ever put. Raises Violation."""
        self.drain()
        settle(self)


@dataclass(frozen=True, kw_only=True)
class WatchedCore:
    """A core whose questions are checked: what it is told of earlier commits must be true (I4)."""

    core: ScriptedCore
    simulation: Simulation

    def __call__(
        self,
        records: tuple[Record, ...],
        *,
        masked: frozenset[Position],
        lost: tuple[LostRange, ...],
        attempt: Attempt,
        seen: Seen,
    ) -> CoreResult:
        """Return what the core makes of a range. Raises Violation, and what the core raises."""
        assert isinstance(seen, ScriptedSeen)
        self.simulation.account.seen(attempt, records, seen, self.simulation)
        return self.core(records, masked=masked, lost=lost, attempt=attempt, seen=seen)


def checked(steps: Steps[TakeOutcome], simulation: Simulation, work: Take) -> Steps[TakeOutcome]:
    """Watch a take from outside: what the core is given, and what is answered (I5)."""
    outcome = yield from steps
    head = simulation.ledger.read_head(work.shard)
    committed = head.committed if head is not None else None
    if outcome.first_uncommitted is None and work.records:
        last = work.records[-1].position
        if committed is None or committed < last:
            raise Violation(f"I5: success answered at {committed}, before {last}")
    return outcome

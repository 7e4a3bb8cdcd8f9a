"""Workers, zombies, crashes and lost replies, one effect at a time, with the invariants checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from pipeline.core.records import Record, ShardId
from pipeline.errors import OperatingError, OutcomeUnknown, SluiceError
from pipeline.ledger import protocol
from pipeline.ledger.memory import MemoryLedger, MemoryStore
from pipeline.ledger.seams import Ledger, Source, Store, WarmSet
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import TakeOutcome
from pipeline.ledger.steps import Effect, Steps, Together
from pipeline.testing.account import Account, Violation, is_quarantine, rows
from pipeline.testing.core import Killed, Row, ScriptedCore, ScriptedSeen
from pipeline.testing.stream import ManualClock, ScriptedStream

T = TypeVar("T")

WINDOW_MS = 300_000
RUN_MS_MAX = 60_000
ROUNDS_MAX = 60


@dataclass
class SimulatedWorker:
    """A process: its core and its warm sets. A new one knows nothing."""

    name: str
    core: ScriptedCore
    ledger: Ledger
    store: Store
    source: Source
    clock: Callable[[], int]
    tokens: Iterator[str]
    warm: dict[ShardId, WarmSet] = field(default_factory=dict)

    def now_ms(self) -> int:
        """Return the time."""
        return self.clock()

    def new_token(self) -> str:
        """Return a fresh token."""
        return next(self.tokens)

    def recall(self, shard: ShardId, /) -> WarmSet | None:
        """Return what this process kept."""
        return self.warm.get(shard)

    def remember(self, shard: ShardId, warm: WarmSet, /) -> None:
        """Keep a seen set."""
        self.warm[shard] = warm

    def together(self, effects: Sequence[Effect[T]], /) -> tuple[T, ...]:
        """Perform effects one after another."""
        return tuple(effect.perform(self) for effect in effects)


class Run:
    """One verb under way: steps, pauses, dies or loses a reply, as the test says.

    The parts of a Together are steps of their own. A run that was killed never moves again; one
    that is merely left alone is a zombie, and may be resumed at any time.
    """

    def __init__(
        self, worker: SimulatedWorker, steps: Steps[TakeOutcome], check: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._check = check
        self._steps = steps
        self._group: Together[object] | None = None
        self._answers: list[object] = []
        self.outcome: TakeOutcome | None = None
        self.error: SluiceError | None = None
        self.killed = False
        self._next: Effect[object] | None = None
        self._resume(None)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.killed or self.outcome is not None or self.error is not None

    @property
    def upcoming(self) -> Effect[object] | None:
        """The effect that the next step performs."""
        if self._group is not None:
            return self._group.effects[len(self._answers)]
        return self._next

    def step(self, *, lose_reply: bool = False, fail: Exception | None = None) -> None:
        """Perform one effect; lose its answer after the fact, or let it fail before, if told."""
        effect = self.upcoming
        if self.ended or effect is None:
            return
        try:
            answer = effect.perform(self._worker) if fail is None else None
        except Killed:
            self.kill()
        except Exception as error:
            self._fail(error)
        else:
            trouble = OutcomeUnknown("the answer was lost") if lose_reply else fail
            if trouble is None:
                self._accept(answer)
            else:
                self._fail(trouble)
        self._check()

    def until(self, kind: type[Effect[object]], *, times: int = 1, after: bool = False) -> "Run":
        """Step until an effect of this kind is next, for the nth time; or is just performed."""
        seen = 0
        while not self.ended:
            seen += isinstance(self.upcoming, kind)
            if seen == times:
                if after:
                    self.step()
                break
            self.step()
        return self

    def finish(self) -> TakeOutcome:
        """Run to the end. Raises what the verb raises, and Killed if the process died."""
        while not self.ended:
            self.step()
        if self.killed:
            raise Killed
        if self.error is not None:
            raise self.error
        return cast("TakeOutcome", self.outcome)

    def kill(self) -> None:
        """End the process here, without a word."""
        self.killed = True
        self._next, self._group = None, None
        self._steps.close()

    def _fail(self, error: Exception) -> None:
        self._group, self._answers = None, []
        self._resume(None, error)

    def _accept(self, answer: object) -> None:
        if self._group is None:
            self._resume(answer)
            return
        self._answers.append(answer)
        if len(self._answers) == len(self._group.effects):
            answers, self._group, self._answers = tuple(self._answers), None, []
            self._resume(answers)

    def _resume(self, answer: object, error: Exception | None = None) -> None:
        try:
            self._next = self._steps.throw(error) if error is not None else self._steps.send(answer)
        except StopIteration as end:
            self._next, self.outcome = None, cast("TakeOutcome", end.value)
        except SluiceError as raised:
            self._next, self.error = None, raised
        else:
            if isinstance(self._next, Together):
                self._group, self._answers = self._next, []
                if not self._group.effects:
                    self._group = None
                    self._resume(())


class Simulation:
    """A stream, a ledger, a lake and any number of workers, in one thread."""

    def __init__(self, *, step: int = 3) -> None:
        self.clock = ManualClock()
        self.stream = ScriptedStream(self.clock, step=step)
        self.ledger = MemoryLedger()
        self.store = MemoryStore()
        self.account = Account()
        self.compacted: dict[str, bytes] = {}
        self.shard = self.stream.open("s0")
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

    def worker(self, core: ScriptedCore | None = None) -> SimulatedWorker:
        """Return a cold process."""
        self._workers += 1
        return SimulatedWorker(
            name=f"w{self._workers}",
            core=core or ScriptedCore(),
            ledger=self.ledger,
            store=self.store,
            source=self.stream,
            clock=self.clock,
            tokens=self._tokens,
        )

    def start(
        self, worker: SimulatedWorker, records: Sequence[Record], *, shard: ShardId | None = None
    ) -> Run:
        """Deliver a batch to a worker; the run moves when it is told to."""
        work = Take(
            shard=shard or self.shard,
            records=tuple(records),
            deadline_ms=self.clock() + RUN_MS_MAX,
            until_ms=self.clock(),
        )
        return Run(worker, checked(protocol.take(work, self.settings), self, work), self.check)

    def take(
        self, worker: SimulatedWorker, records: Sequence[Record], *, shard: ShardId | None = None
    ) -> TakeOutcome:
        """Deliver a batch and run it to its end."""
        return self.start(worker, records, shard=shard).finish()

    def start_sweep(self, worker: SimulatedWorker, shard: ShardId) -> Run:
        """Sweep one shard; the run moves when it is told to."""
        steps = protocol.sweep(shard, deadline_ms=self.clock() + RUN_MS_MAX, settings=self.settings)
        return Run(worker, steps, self.check)

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

    def settle(self) -> None:
        """Drain, then account for every id ever put. Raises Violation."""
        self.drain()
        self.account.settle(self)


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

"""One run of the function, effect by effect, with a fault at any of them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.core.records import ShardId
from pipeline.errors import BrokenInvariant, OperatingError, OutcomeUnknown
from pipeline.ledger import effects
from pipeline.ledger.isolation import CLOCK_SKEW_MS, CoreCrashed, TooManyMasks
from pipeline.ledger.steps import Effect
from pipeline.testing.account import Violation
from pipeline.testing.run import Run, SimulatedWorker
from pipeline.testing.simulation import RUN_MS_MAX
from pipeline.worker import CLOSING_EFFECTS
from tests.simulation.processes import Process
from tests.simulation.script import Fault
from tests.simulation.words import of_effect

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

LOCAL = (effects.Now, effects.NewToken, effects.Recall, effects.Remember)
"""Effects that leave the process alone: they take no time and cannot fail, only be its last."""

WRITES = (
    *(effects.WriteHead, effects.CommitTransaction, effects.MarkPublished, effects.PutStaged),
    *(effects.PutFinalIfAbsent, effects.PutJournal, effects.PutDone, effects.PutBack),
)
MOMENT_MS = 20
CORE_MS = 200


def faults_of(effect: type[Effect[Any]]) -> tuple[str, ...]:
    """Return what may go wrong at an effect; a request under way may land when nobody waits."""
    if effect in LOCAL or effect is effects.RunCore:
        return ("kill", "stall")
    if effect in WRITES:
        return ("kill", "kill_late", "error", "throttle", "lost", "stall", "linger")
    return ("kill", "error", "throttle", "stall")


Job = Callable[[Process], "Run[Any]"]


class Invocation:
    """One run of the function: its jobs one after another, until its platform ends it.

    `lane` names whose turn it is and `number` which turn, so that a script finds its moments again.
    """

    def __init__(
        self,
        universe: "Universe",
        process: Process,
        jobs: Sequence[Job],
        *,
        lane: str,
        number: int,
        on_end: Callable[["Invocation"], None],
    ) -> None:
        self._universe = universe
        self._process = process
        self._jobs = list(jobs)
        self._lane = lane
        self._number = number
        self._on_end = on_end
        self._core = universe.functions.core
        self._steps = 0
        self._counted: set[str] = set()
        self._ends_ms = universe.clock.ms + RUN_MS_MAX
        self._last_ms = self._ends_ms - universe.simulation.settings.margin_ms // 2
        self._run: Run[Any] | None = None
        self.outcomes: list[Any] = []
        self.errors: list[Exception] = []
        self.died = False
        self.over = False
        self._doubted_ms = self._ends_ms + CLOCK_SKEW_MS - 2 * universe.script.conditions.skew_ms
        if self._doubted_ms < self._ends_ms:
            universe.at(max(self._doubted_ms, universe.clock.ms), self._doubt)
        process.drawn.clear()
        universe.living.append(self)
        universe.at(universe.clock.ms, self.move)

    @property
    def name(self) -> str:
        """The process's name, as a trace has it."""
        return self._process.worker.name

    def move(self) -> None:
        """Go on to the next effect that takes time."""
        if self.over:
            return
        while True:
            if self._universe.clock.ms >= self._ends_ms:
                self._die("is ended by its platform")
                return
            if self._run is None:
                if not self._jobs:
                    self._end()
                    return
                self._run = self._jobs.pop(0)(self._process)
            pause_ms = 0 if self._run.ended else self._effect(self._run)
            if self.over:
                return
            if self._run.ended:
                self._job_ended(self._run)
            if pause_ms:
                wake_ms = min(self._universe.clock.ms + pause_ms, self._ends_ms)
                self._universe.at(wake_ms, self.move)
                return

    def _effect(self, run: "Run[Any]") -> int:
        """Perform the next effect, or let it fail; return how long it took."""
        effect = run.upcoming
        assert effect is not None
        kind = type(effect)
        universe = self._universe
        universe.effects_seen[kind.__name__, "done"] += 1
        if not isinstance(effect, CLOSING_EFFECTS) and universe.clock.ms >= self._last_ms:
            universe.say("{} has no time left to {}", self.name, of_effect(effect))
            run.step(fail=OperatingError(f"no time left for {kind.__name__}"))
            return MOMENT_MS
        moment = (self._lane, self._number, self._steps)
        self._steps += 1
        conditions = universe.script.conditions
        rate = conditions.fault_rate
        if kind is effects.RunCore and conditions.core_rate is not None:
            rate = conditions.core_rate
        if self._lane == "restore":
            rate = conditions.restore_rate
        fault = universe.script.fault(moment, faults_of(kind), rate=rate)
        if fault is not None:
            universe.effects_seen[kind.__name__, fault.kind] += 1
            return self._faulty(run, effect, fault)
        if isinstance(effect, effects.WriteHead):
            self._spare_the_living(effect)
        if universe.tells and not isinstance(effect, LOCAL):
            universe.say(
                "{} {}", self.name, of_effect(effect), detail=not isinstance(effect, WRITES)
            )
        run.step()
        if run.killed:
            self._die_of_poison()
        if kind is effects.WriteHead:
            self._doubt()
        if kind is effects.CommitTransaction:
            universe.operators.meddle()
        if kind in LOCAL:
            return 0
        return CORE_MS if kind is effects.RunCore else MOMENT_MS

    def _faulty(self, run: "Run[Any]", effect: Effect[Any], fault: Fault) -> int:
        universe, what = self._universe, of_effect(effect)
        match fault.kind:
            case "kill":
                self._die(f"is killed before it {what}")
            case "kill_late":
                landing_ms = self._land(effect, fault)
                self._die(f"is killed as it {what}, which comes about {landing_ms} ms later")
            case "error":
                universe.say("{} {}: it fails", self.name, what)
                run.step(fail=OutcomeUnknown("no answer"))
            case "throttle":
                universe.say("{} {}: it is throttled", self.name, what)
                run.step(fail=OperatingError("throttled"))
            case "lost":
                universe.say("{} {}; the reply is lost", self.name, what)
                run.step(lose_reply=True)
            case "linger":
                landing_ms = self._land(effect, fault)
                universe.say(
                    "{} {}: no reply, and it comes about {} ms later", self.name, what, landing_ms
                )
                run.step(fail=OutcomeUnknown("no answer yet"))
            case _:
                universe.say("{} {}, then stands still for {} ms", self.name, what, fault.ms)
                run.step()
                if run.killed:
                    self._die_of_poison()
                return fault.ms
        return MOMENT_MS

    def _land(self, effect: Effect[Any], fault: Fault) -> int:
        """Let a request come about that nobody waits for, within the run's longest life."""
        universe = self._universe
        landing_ms = max(1, min(fault.ms, self._ends_ms - 1 - universe.clock.ms))

        def land() -> None:
            universe.under_way -= 1
            universe.say("what {} asked for comes about: it {}", self.name, of_effect(effect))
            try:
                effect.perform(self._process.worker)
            except OperatingError as error:
                universe.say("and is refused: {}", error)
            except BrokenInvariant as error:
                self._stop(error)
            if self.over or self._run is None:
                self._count_deaths()
            universe.check()

        universe.under_way += 1
        universe.at(universe.clock.ms + landing_ms, land)
        return landing_ms

    def _job_ended(self, run: "Run[Any]") -> None:
        self._run = None
        if run.error is None:
            self.outcomes.append(run.outcome)
            return
        if isinstance(run.error, BrokenInvariant):
            self._stop(run.error)
        self._universe.say("{} gives up: {}", self.name, run.error)
        self._universe.too_many_masks |= isinstance(run.error, TooManyMasks)
        self.errors.append(run.error)
        if self._lane == "restore":
            self._jobs.clear()  # it starts again from the first shard (`Worker.restore`)
        if isinstance(run.error, CoreCrashed) or hasattr(run.error, "__notes__"):
            self._count_deaths()

    def _doubt(self) -> None:
        """Count this run as dead if clocks further apart than the protocol bears say so."""
        if self._universe.clock.ms >= self._doubted_ms:
            self._count_deaths()

    def _stop(self, error: BrokenInvariant) -> None:
        """Stop the shard, as it must be where somebody else wrote under a final key (I2)."""
        if not self._universe.simulation.account.foreign:
            raise Violation(f"broken invariant: {error}")
        self._universe.say("{} stops: {}", self.name, error)
        self._universe.stopped = True

    def _spare_the_living(self, effect: effects.WriteHead) -> None:
        """Check that no sweep, of one's own or of a parent, fences a live attempt off (T5)."""
        universe, head = self._universe, effect.head
        is_batch = self._lane == f"take {head.shard}"
        known = universe.simulation.ledger.heads.get(head.shard)
        opened = known.open_range if known is not None else None
        is_fence = head.fence in self._process.drawn
        if is_batch or not is_fence or known is None or opened is None:
            return
        if known.revision != effect.unchanged_since:
            return
        tokens = {token.token for token in opened.tokens}
        for other in universe.living:
            if other is not self and tokens & set(other.drawn) and known.fence != head.fence:
                raise Violation(f"T5: a sweep fences {other.name} off {head.shard}, and it lives")

    @property
    def drawn(self) -> list[str]:
        """The tokens that this run drew."""
        return self._process.drawn

    def _count_deaths(self) -> None:
        """Count the record that an attempt of this run had alone, if it ended without a word."""
        for head in self._universe.simulation.ledger.heads.values():
            opened = head.open_range
            if opened is None or opened.count != 1:
                continue
            for token in opened.tokens:
                mine = token.token in self._process.drawn and token.token not in self._counted
                if mine and token.phase != "storage":
                    self._counted.add(token.token)
                    self._universe.simulation.account.deaths[opened.last] += 1

    def _die(self, how: str) -> None:
        self._universe.say("{} {}", self.name, how)
        if self._run is not None:
            self._run.kill()
        self.died = True
        self._count_deaths()
        self._finish()

    def _die_of_poison(self) -> None:
        self._universe.poisonings += 1
        self._die("dies of what it decodes")

    def _end(self) -> None:
        self._universe.functions.release(self._process, self._core)
        self._finish()

    def _finish(self) -> None:
        self.over = True
        self._universe.living.remove(self)
        self._on_end(self)


def shard_job(shard: ShardId, start: Callable[[SimulatedWorker, ShardId], "Run[Any]"]) -> Job:
    """Return a job that starts a verb on one shard."""
    return lambda process: start(process.worker, shard)

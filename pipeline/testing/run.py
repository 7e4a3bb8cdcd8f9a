"""A simulated process, and one verb under way in it: steps, pauses, deaths, lost replies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from pipeline.core.records import ShardId
from pipeline.errors import OutcomeUnknown, SluiceError
from pipeline.ledger.seams import Core, Ledger, Source, Store, WarmSet
from pipeline.ledger.steps import Effect, Steps, Together
from pipeline.testing.account import Violation
from pipeline.testing.core import Killed

T = TypeVar("T")


@dataclass
class SimulatedWorker:
    """A process: its core and its warm sets. A new one knows nothing."""

    name: str
    core: Core
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


class Run(Generic[T]):
    """One verb under way: steps, pauses, dies or loses a reply, as the test says.

    The parts of a Together are steps of their own. A run that was killed never moves again; one
    that is merely left alone is a zombie, and may be resumed at any time.
    """

    def __init__(self, worker: SimulatedWorker, steps: Steps[T], check: Callable[[], None]) -> None:
        self._worker = worker
        self._check = check
        self._steps = steps
        self._group: Together[object] | None = None
        self._answers: list[object] = []
        self.outcome: T | None = None
        self.done = False
        self.error: SluiceError | None = None
        self.killed = False
        self._next: Effect[object] | None = None
        self._resume(None)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.killed or self.done or self.error is not None

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
        except Violation:
            raise
        except Exception as error:
            self._fail(error)
        else:
            trouble = OutcomeUnknown("the answer was lost") if lose_reply else fail
            if trouble is None:
                self._accept(answer)
            else:
                self._fail(trouble)
        self._check()

    def until(self, kind: type[Effect[object]], *, times: int = 1, after: bool = False) -> "Run[T]":
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

    def finish(self) -> T:
        """Run to the end. Raises what the verb raises, and Killed if the process died."""
        while not self.ended:
            self.step()
        if self.killed:
            raise Killed
        if self.error is not None:
            raise self.error
        return cast("T", self.outcome)

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
            self._next, self.outcome, self.done = None, cast("T", end.value), True
        except SluiceError as raised:
            self._next, self.error = None, raised
        else:
            if isinstance(self._next, Together):
                self._group, self._answers = self._next, []
                if not self._group.effects:
                    self._group = None
                    self._resume(())

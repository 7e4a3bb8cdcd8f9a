"""The function's processes: cold and warm, of the version that is deployed, clocks askew."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.testing.core import ScriptedCore
from pipeline.testing.run import SimulatedWorker

if TYPE_CHECKING:
    from tests.simulation.universe import Universe


@dataclass
class Process:
    """A process of one version of the code; `skew_ms` is how far its clock is off."""

    worker: SimulatedWorker
    skew_ms: int
    drawn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker.tokens = self._noting(self.worker.tokens)

    def _noting(self, tokens: Iterator[str]) -> Iterator[str]:
        for token in tokens:
            self.drawn.append(token)
            yield token


class Functions:
    """Processes that were started, and the version that a new one gets."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._started = 0
        self._idle: list[Process] = []
        self.core = ScriptedCore()

    def deploy(self, core: ScriptedCore) -> None:
        """Let every later run have this version; those at work go on with theirs."""
        self.core = core
        self._idle.clear()

    def acquire(self, *, cold: bool) -> Process:
        """Return a process that has nothing to do: the one used last, or a new one."""
        if self._idle and not cold:
            return self._idle.pop()
        self._started += 1
        skew_ms = self._universe.script.conditions.skew_ms * (self._started * 7 % 5 - 2) // 2
        clock = self._universe.simulation.clock
        worker = self._universe.simulation.worker(self.core, clock=lambda: clock.ms + skew_ms)
        return Process(worker=worker, skew_ms=skew_ms)

    def release(self, process: Process, core: ScriptedCore) -> None:
        """Keep a process warm, if its version is still the one that is deployed."""
        if core is self.core:
            self._idle.append(process)

    def stop(self) -> None:
        """Let no process be warm any more."""
        self._idle.clear()

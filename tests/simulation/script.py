"""The decisions of one run, as a list: drawn from a seed as the run goes, or told beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.simulation.conditions import Conditions

Moment = tuple[str, int, int]
"""Whose decision it is, in which of its turns, at which step of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at one moment; `ms` is how long it lasts or how late it comes."""

    kind: str
    ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that is done to the world at a time, in milliseconds from the start."""

    at_ms: int
    kind: str
    number: int = 0
    text: str = ""


STALLS_MS = (300, 2_000, 15_000, 45_000, 59_000, 75_000)
"""From a slow answer to one that outlives the run that waits for it."""


@dataclass(kw_only=True)
class Script:
    """Everything that a run is told. With a `chance` it draws faults and notes them; without, not.

    `rates` is the chance of a fault at a moment of a kind, `bias` how often each fault is drawn
    compared with the others. After `calm` nothing goes wrong any more.
    """

    conditions: Conditions
    happenings: tuple[Happening, ...]
    faults: dict[Moment, Fault] = field(default_factory=dict)
    chance: Random | None = None
    calm: bool = False
    used: set[Moment] = field(default_factory=set)

    def fault(self, moment: Moment, kinds: Sequence[str], *, rate: float) -> Fault | None:
        """Return what goes wrong at a moment, if anything does."""
        if self.chance is None:
            fault = self.faults.get(moment)
            if fault is not None:
                self.used.add(moment)
            return fault
        if self.calm or self.chance.random() >= rate:
            return None
        weights = [self.conditions.bias.get(kind, 1.0) for kind in kinds]
        if not any(weights):
            return None
        fault = Fault(kind=self.chance.choices(kinds, weights)[0], ms=self.chance.choice(STALLS_MS))
        self.faults[moment] = fault
        self.used.add(moment)
        return fault

    def told(
        self,
        *,
        happenings: Sequence[Happening] | None = None,
        faults: Mapping[Moment, Fault] | None = None,
    ) -> "Script":
        """Return a script that says the same, or less, and draws nothing."""
        return Script(
            conditions=self.conditions,
            happenings=tuple(self.happenings if happenings is None else happenings),
            faults=dict(self.faults if faults is None else faults),
        )

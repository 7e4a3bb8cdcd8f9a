"""Make a failing script shorter while the same rule stays broken."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.testing.account import Violation
from tests.simulation.script import Fault, Moment, Script
from tests.simulation.universe import Universe

T = TypeVar("T")

RUNS_MAX = 1_500
TURNS_SOONER_MAX = 3


def violation_of(script: Script) -> Violation | None:
    """Run a script, and return which rule it breaks, if any."""
    try:
        Universe(script).run()
    except Violation as violation:
        return violation
    return None


@dataclass
class Shrinker:
    """Drops faults and happenings, many at a time and then one by one, in a bounded number of runs.

    What is left breaks the same rule, and each part of it is needed for that.
    """

    rule: str
    runs: int = 0

    def shrink(self, script: Script) -> Script:
        """Return the shorter script."""
        script = self._used(script.told())
        while True:
            before = len(script.faults) + len(script.happenings)
            faults = self._fewer(list(script.faults.items()), script, "faults")
            script = script.told(faults=dict(faults))
            happenings = self._fewer(list(script.happenings), script, "happenings")
            script = self._aligned(self._used(script.told(happenings=happenings)))
            if len(script.faults) + len(script.happenings) == before or self.runs > RUNS_MAX:
                return script

    def _aligned(self, script: Script) -> Script:
        """Leave out happenings without which the faults come some turns earlier in their lanes."""
        at = 0
        while at < len(script.happenings):
            fewer = script.happenings[:at] + script.happenings[at + 1 :]
            for faults in earlier(script.faults):
                told = script.told(happenings=fewer, faults=faults)
                if self.runs <= RUNS_MAX and self._is_broken(told):
                    script = self._used(told)
                    break
            else:
                at += 1
        return script

    def _used(self, script: Script) -> Script:
        """Leave out the faults of moments that never come."""
        violation_of(script)
        return script.told(faults={moment: script.faults[moment] for moment in sorted(script.used)})

    def _fewer(self, parts: list[T], script: Script, kind: str) -> list[T]:
        size = max(1, len(parts) // 2)
        while parts:
            at = 0
            while at < len(parts) and self.runs <= RUNS_MAX:
                fewer = parts[:at] + parts[at + size :]
                if self._breaks(fewer, script, kind):
                    parts = fewer
                else:
                    at += size
            if size == 1:
                return parts
            size //= 2
        return parts

    def _breaks(self, parts: Sequence[T], script: Script, kind: str) -> bool:
        told = (
            script.told(faults=dict(parts))  # type: ignore[arg-type]
            if kind == "faults"
            else script.told(happenings=parts)  # type: ignore[arg-type]
        )
        return self._is_broken(told)

    def _is_broken(self, script: Script) -> bool:
        self.runs += 1
        violation = violation_of(script)
        return violation is not None and violation.rule == self.rule


def earlier(faults: Mapping[Moment, Fault]) -> Iterator[dict[Moment, Fault]]:
    """Yield the faults with those from some turn on brought one to three turns forward."""
    for turn in sorted({turn for _, turn, _ in faults}):
        for sooner in range(1, min(turn, TURNS_SOONER_MAX + 1)):
            yield {
                (lane, at - sooner if at >= turn else at, step): fault
                for (lane, at, step), fault in faults.items()
            }


def shrink(script: Script, violation: Violation) -> Script:
    """Return a shorter script that breaks the same rule."""
    return Shrinker(violation.rule).shrink(script)


def trace(script: Script, *, details: bool = False) -> list[str]:
    """Return what happens in a run, in words, up to the violation if there is one."""
    lines: list[str] = []

    def tell(line: str) -> None:
        if details or not line[11:].startswith("  . "):
            lines.append(line)

    try:
        Universe(script.told(), tell=tell).run()
    except Violation as violation:
        lines.append(f"violated: {violation}")
    return lines

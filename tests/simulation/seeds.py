"""Runs of many seeds: what they broke, what went wrong in them, and how to see one again."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.ledger import effects
from pipeline.ledger.steps import Effect
from pipeline.testing.account import Violation
from tests.simulation.invocation import LOCAL, faults_of
from tests.simulation.plan import script_of
from tests.simulation.script import Script
from tests.simulation.shrink import shrink, trace, violation_of
from tests.simulation.universe import Universe

SEEDS = 5_000
"""How many seeds every change must pass."""

FILES = 2
"""Over how many files of tests they are spread, for as many processes."""

CHUNKS = 10

EFFECTS: tuple[type[Effect[object]], ...] = tuple(
    kind
    for kind in vars(effects).values()
    if isinstance(kind, type) and issubclass(kind, Effect) and kind is not Effect
)
SOURCE_FAULTS = {
    "read": ("throttle", "empty", "short"),
    "invoke": ("throttle", "cold", "lost_answer"),
    "discard": ("refused",),
    "put": ("unknown", "unwritten", "late"),
}


@dataclass
class Seen:
    """What many runs had in them: `runs` counts those with each fault at each effect or move."""

    seeds: int = 0
    seconds: float = 0.0
    stopped: int = 0
    situations: Counter[str] = field(default_factory=Counter)
    happenings: Counter[str] = field(default_factory=Counter)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, universe: Universe, *, seconds: float) -> None:
        """Add one run."""
        self.seeds += 1
        self.seconds += seconds
        self.stopped += universe.stopped
        self.situations[universe.script.conditions.situation] += 1
        self.happenings.update({each.kind for each in universe.script.happenings})
        self.runs.update(universe.effects_seen.keys())
        self.faults.update({fault for _, fault in universe.effects_seen} - {"done"})

    def missing(self) -> list[str]:
        """Return what should have gone wrong at least once, and did not."""
        wanted = [(kind.__name__, fault) for kind in EFFECTS for fault in faults_of(kind)]
        wanted += [(verb, fault) for verb, faults in SOURCE_FAULTS.items() for fault in faults]
        wanted += [(kind.__name__, "done") for kind in EFFECTS]
        return [f"{fault} at {what}" for what, fault in wanted if not self.runs[what, fault]]

    def table(self) -> list[str]:
        """Return the shares of runs as lines of text."""
        lines = [
            f"{self.seeds} seeds, {self.seeds / self.seconds:.0f} a second,"
            f" {self.stopped} stopped by too many masks",
            "",
            "share of seeds with a fault of a kind, anywhere",
            *self._shares(self.faults),
        ]
        lines += ["", "share of seeds in which something happened", *self._shares(self.happenings)]
        lines += ["", "share of seeds by situation", *self._shares(self.situations)]
        lines += ["", "seeds in which each effect met each fault"]
        for kind in EFFECTS:
            cells = [f"{fault} {self.runs[kind.__name__, fault]}" for fault in faults_of(kind)]
            local = " (local)" if kind in LOCAL else ""
            lines.append(f"  {kind.__name__ + local:28} {', '.join(cells)}")
        return lines

    def _shares(self, counts: Counter[str]) -> list[str]:
        return [f"  {name:12} {times / self.seeds:6.1%}" for name, times in counts.most_common()]


def run(seed: int, *, seen: Seen, situation: str | None = None) -> Violation | None:
    """Run one seed, and return which rule it breaks, if any."""
    universe = Universe(script_of(seed, situation=situation))
    started = time.process_time()
    violation = None
    try:
        universe.run()
    except Violation as broken:
        violation = broken
    seen.add(universe, seconds=time.process_time() - started)
    return violation


def all_keep_the_rules(seeds: Iterable[int], *, seen: Seen) -> None:
    """Run seeds. Raises AssertionError with a short trace of the first that breaks a rule."""
    for seed in seeds:
        violation = run(seed, seen=seen)
        if violation is not None:
            script = script_of(seed)
            violation = violation_of(script) or violation
            raise AssertionError("\n".join(report(seed, script, violation)))


def command(seed: int, *, situation: str | None = None, guard: str | None = None) -> str:
    """Return the command that replays a seed."""
    named = f" --situation {situation}" if situation else ""
    off = f" --guard-off {guard}" if guard else ""
    return f"./dev run python -m tests.simulation --seed {seed}{named}{off}"


def report(
    seed: int, script: Script, violation: Violation, *, details: bool = False, again: str = ""
) -> list[str]:
    """Return what a seed breaks, the command that shows it again, and the shortest way there."""
    short = shrink(script, violation)
    return [
        f"seed {seed} ({script.conditions.situation}) breaks {violation}",
        f"replay: {again or command(seed)}",
        f"with {len(short.faults)} faults and {len(short.happenings)} happenings left:",
        *trace(short, details=details),
    ]

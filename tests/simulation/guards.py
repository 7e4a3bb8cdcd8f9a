"""Every guard of the mutation suites, and the seed that finds it switched off."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.testing.account import Violation
from tests.faults import guards, guards_of_isolation
from tests.simulation.conditions import SITUATIONS
from tests.simulation.plan import script_of
from tests.simulation.shrink import violation_of

Patch = pytest.MonkeyPatch
PINS_FILE = Path(__file__).parent / "pins.json"
SEEDS_MAX = 1_200


def of_module(module: ModuleType) -> dict[str, Callable[[Patch], None]]:
    """Return the guards that a module switches off, by name."""
    return {
        name: off
        for name, off in vars(module).items()
        if callable(off) and getattr(off, "__annotations__", {}).get("patch") is Patch
    }


GUARDS = {**of_module(guards), **of_module(guards_of_isolation)}


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The seed that finds a guard missing, its situation, and the rule that is then broken."""

    seed: int
    situation: str
    rule: str


def pins() -> dict[str, Pin]:
    """Return the pinned seed of each guard."""
    return {name: Pin(**pin) for name, pin in json.loads(PINS_FILE.read_text("utf-8")).items()}


@contextmanager
def switched_off(name: str | None) -> Iterator[None]:
    """Let one guard be missing meanwhile, or none."""
    with pytest.MonkeyPatch.context() as patch:
        if name is not None:
            GUARDS[name](patch)
        yield


def broken(name: str | None, *, seed: int, situation: str | None) -> Violation | None:
    """Run a seed without a guard, and return which rule it breaks, if any."""
    with switched_off(name):
        return violation_of(script_of(seed, situation=situation))


def find(name: str) -> Pin | None:
    """Search for a seed that finds a guard missing: situation by situation, seed by seed."""
    for seed in range(SEEDS_MAX):
        for situation in SITUATIONS:
            violation = broken(name, seed=seed, situation=situation.__name__)
            if (
                violation is not None
                and broken(None, seed=seed, situation=situation.__name__) is None
            ):
                return Pin(seed=seed, situation=situation.__name__, rule=violation.rule)
    return None


def holds(name: str, pin: Pin) -> bool:
    """Return whether a pinned seed still finds its guard missing, and nothing wrong with it."""
    violation = broken(name, seed=pin.seed, situation=pin.situation)
    if violation is None or violation.rule != pin.rule:
        return False
    return broken(None, seed=pin.seed, situation=pin.situation) is None


def find_all(say: Callable[[str], None]) -> list[str]:
    """Pin a seed for every guard, the old one if it holds; return the guards that none finds."""
    old = pins() if PINS_FILE.exists() else {}
    found: dict[str, Pin] = {}
    unfound = []
    for name in GUARDS:
        pin = old.get(name)
        pin = pin if pin is not None and holds(name, pin) else find(name)
        say(f"{name}: {pin or 'not found'}")
        if pin is None:
            unfound.append(name)
        else:
            found[name] = pin
    PINS_FILE.write_text(
        json.dumps({name: asdict(pin) for name, pin in found.items()}, indent=2) + "\n", "utf-8"
    )
    return unfound

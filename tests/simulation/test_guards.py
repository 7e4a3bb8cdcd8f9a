"""Every guard of the mutation suites is missed by a seed that keeps the rules with it."""

import pytest

from tests.simulation.guards import GUARDS, broken, pins


def test_every_guard_has_its_seed() -> None:
    assert pins().keys() == GUARDS.keys()


@pytest.mark.parametrize("name", GUARDS)
def test_the_seed_finds_the_guard_switched_off(name: str) -> None:
    pin = pins()[name]
    assert broken(None, seed=pin.seed, situation=pin.situation) is None
    violation = broken(name, seed=pin.seed, situation=pin.situation)
    assert violation is not None
    assert violation.rule == pin.rule

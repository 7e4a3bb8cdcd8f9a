"""Every guard of the mutation suites is missed by a seed that keeps the rules with it."""

import pytest

from tests.simulation.guards import GUARDS, holds, pins


def test_every_guard_has_its_seed() -> None:
    assert pins().keys() == GUARDS.keys()


@pytest.mark.parametrize("name", GUARDS)
def test_the_seed_finds_the_guard_switched_off_and_nothing_with_it(name: str) -> None:
    assert holds(name, pins()[name])

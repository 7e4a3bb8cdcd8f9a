"""Whatever goes wrong in half of the seeds: each step keeps I1 to I7, every id is found."""

import pytest

from tests.simulation.seeds import CHUNKS, FILES, SEEDS, Seen, all_keep_the_rules


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_rule_is_kept(chunk: int, seen: Seen) -> None:
    all_keep_the_rules(range(FILES * chunk, SEEDS, FILES * CHUNKS), seen=seen)


def test_every_fault_was_met_at_every_effect(seen: Seen) -> None:
    if seen.seeds == SEEDS // FILES:
        assert seen.missing() == []

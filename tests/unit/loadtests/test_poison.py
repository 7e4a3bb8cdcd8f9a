"""Poison: each kind breaks the contract; the real core quarantines it and stores the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import poison
from loadtests.plan import SourcePlan
from loadtests.scripts import script_of
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import Batch, Limits, process
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt
from pipeline.domain import catalog

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize("kind", range(len(poison.KINDS)))
def test_the_core_quarantines_the_poison_and_stores_the_rest(kind: int) -> None:
    script = script_of("run1", SourcePlan(producer="departures-0", kind="departures", events=50))
    bodies = script.render(0, [NOW_MS] * 50).bodies
    bodies[7] = poison.KINDS[kind](bodies[7])
    record = Record(
        position=Position(1), partition_key="k", arrival_ms=NOW_MS, data=b"\n".join(bodies)
    )
    result = process(
        Batch(records=(record,)),
        attempt=Attempt(shard=ShardId("shard-0"), first=Position(1), token="t"),
        seen=SeenIds.empty(window_ms=300_000),
        catalog=catalog(),
        limits=Limits(),
    )
    assert (result.counts.quarantined, result.counts.stored) == (1, 49)


@given(st.integers(1, 10_000), st.integers(0, 100))
def test_poison_is_spread_over_the_load_and_none_is_forgotten(events: int, number: int) -> None:
    places = poison.places(events, min(number, events - 1))
    assert len(places) == min(number, events - 1)
    assert all(0 <= place < events for place in places)


def test_only_the_chosen_sequences_are_spoiled() -> None:
    whole = [b'{"distance_miles":5,"origin":"EWR","flight":7}'] * 10
    bodies = list(whole)
    assert poison.spoil(bodies, 100, frozenset({99, 101, 105, 110})) == [1, 5]
    assert [n for n in range(10) if bodies[n] != whole[n]] == [1, 5]

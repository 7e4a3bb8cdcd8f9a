"""A message's place packs into one number and back, in the order of the messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Position
from pipeline.ledger.gaps import NEVER
from pipeline.sources.pulsar_position import MessagePlace, pack, unpack

PLACES = st.builds(
    MessagePlace,
    ledger=st.integers(0, 2**63 - 1),
    entry=st.integers(0, 2**40 - 1),
    batch_index=st.integers(-1, 2**24 - 3),
)


@given(PLACES)
def test_a_place_comes_back_from_its_position(place: MessagePlace) -> None:
    assert unpack(pack(place)) == place


@given(PLACES, PLACES)
def test_positions_order_as_ledger_entry_and_place_in_the_batch(
    one: MessagePlace, other: MessagePlace
) -> None:
    assert (pack(one) < pack(other)) == (one < other)


@given(PLACES)
def test_a_position_is_one_that_the_ledger_can_write_down(place: MessagePlace) -> None:
    assert 0 <= pack(place) < NEVER


@given(st.integers(0, 2**100))
def test_every_number_is_somewhere_so_that_a_range_may_end_between_messages(number: int) -> None:
    assert pack(unpack(Position(number))) == number


@pytest.mark.parametrize(
    "place", [MessagePlace(-1, -1), MessagePlace(1, 2**40), MessagePlace(1, 1, 2**24)]
)
def test_what_no_broker_makes_is_refused(place: MessagePlace) -> None:
    with pytest.raises(ValueError, match="no message lies at"):
        pack(place)

"""Lanes: an event key has one lane, a lane one address, for ever (protocol.md, T17)."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.producer.lanes import address_of, hash_key, lane_of

LANES = st.integers(1, 64)


@given(st.text(max_size=50), LANES)
def test_a_key_stays_in_the_slice_that_its_hash_lies_in(key: str, lanes: int) -> None:
    lane = lane_of(key, lanes)
    assert lane * 2**128 <= hash_key(key) * lanes < (lane + 1) * 2**128
    assert lane == lane_of(key, lanes)


@given(LANES)
def test_each_lane_has_an_address_of_its_own_inside_its_slice(lanes: int) -> None:
    addresses = [address_of(lane, lanes) for lane in range(lanes)]
    assert [lane_of(address.partition_key, lanes) for address in addresses] == list(range(lanes))
    assert len({address.explicit_hash_key for address in addresses}) == lanes


@given(LANES)
def test_the_explicit_hash_key_is_the_hash_of_the_partition_key(lanes: int) -> None:
    for lane in range(lanes):
        address = address_of(lane, lanes)
        assert int(address.explicit_hash_key) == hash_key(address.partition_key)


def test_keys_spread_evenly_over_the_lanes() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[lane_of(f"N{number}", 16)] += 1
    assert min(counts) > 850
    assert max(counts) < 1_150

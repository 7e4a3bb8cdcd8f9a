"""Entries are counted across ledgers by asking only what a reader can answer."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import ShardId
from pipeline.sources.pulsar_lag import LEDGERS_MAX, LedgerEnds
from pipeline.sources.pulsar_position import MessagePlace

SHARD = ShardId("flights-0")
SIZES = st.lists(st.integers(1, 200_000), min_size=1, max_size=LEDGERS_MAX)


class Partition:
    """Ledgers of given sizes, with gaps between their ids."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = {10 + 7 * number: size for number, size in enumerate(sizes)}
        self.asked = 0

    @property
    def newest(self) -> MessagePlace:
        ledger = max(self.sizes)
        return MessagePlace(ledger, self.sizes[ledger] - 1)

    def first_at(self, place: MessagePlace) -> MessagePlace | None:
        self.asked += 1
        if place.entry < self.sizes.get(place.ledger, 0):
            return MessagePlace(place.ledger, max(place.entry, 0))
        ledgers = sorted(self.sizes)
        later = bisect_left(ledgers, place.ledger + 1)
        return MessagePlace(ledgers[later], 0) if later < len(ledgers) else None


@given(SIZES, st.data())
def test_every_entry_after_a_place_is_counted_whatever_ledger_it_is_in(
    sizes: list[int], data: st.DataObject
) -> None:
    partition = Partition(sizes)
    ledger = data.draw(st.sampled_from(sorted(partition.sizes)))
    entry = data.draw(st.integers(0, partition.sizes[ledger] - 1))
    later = sum(size for number, size in partition.sizes.items() if number > ledger)
    lag = LedgerEnds().lag(SHARD, MessagePlace(ledger, entry), partition.newest, partition.first_at)
    assert lag == partition.sizes[ledger] - 1 - entry + later


def test_a_ledger_that_is_full_is_measured_once() -> None:
    partition = Partition([50_000, 20, 5])
    ends = LedgerEnds()
    after = MessagePlace(10, 3)
    lag = ends.lag(SHARD, after, partition.newest, partition.first_at)
    asked = partition.asked
    assert asked < 60
    assert ends.lag(SHARD, after, partition.newest, partition.first_at) == lag
    assert partition.asked == asked


def test_what_is_too_far_away_counts_as_at_least_as_much() -> None:
    partition = Partition([10] * (LEDGERS_MAX + 5))
    lag = LedgerEnds().lag(SHARD, MessagePlace(10, 9), partition.newest, partition.first_at)
    assert lag == 10 * (LEDGERS_MAX - 1)


def test_a_reader_that_finds_nothing_ends_the_count() -> None:
    assert LedgerEnds().lag(SHARD, MessagePlace(1, 0), MessagePlace(5, 0), lambda _: None) == 0

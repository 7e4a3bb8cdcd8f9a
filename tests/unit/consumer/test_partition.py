"""A partition's buffer: contiguous, in order, and forgotten when anything is in doubt."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.consumer.batches import RECORD_BYTES, BatchRules
from pipeline.consumer.partition import Partition
from pipeline.consumer.trouble import BACKOFF_MS_MAX, Trouble, backoff_ms
from pipeline.core.records import Position, Record, ShardId

RULES = BatchRules(bytes_max=3 * (RECORD_BYTES + 11), records_max=4, age_ms=0, age_ms_max=0)
TROUBLE = Trouble(text="t", since_ms=0, attempts=1, retry_ms=0)


def record(position: int) -> Record:
    return Record(position=Position(position), partition_key="k", arrival_ms=0, data=b"0123456789")


def partition(committed: int | None = None) -> Partition:
    known = None if committed is None else Position(committed)
    return Partition(shard=ShardId("s0"), generation=1, committed=known)


def positions(records: tuple[Record, ...]) -> list[int]:
    return [record.position for record in records]


def take_in(into: Partition, *places: int) -> bool:
    return into.take_in([record(place) for place in places], now_ms=0, wall_ms=0)


def test_a_batch_begins_with_the_record_before_it() -> None:
    one = partition()
    take_in(one, 1, 2, 3, 4, 5)
    first = one.next_batch(RULES)
    one.succeeded(Position(3))
    second = one.next_batch(RULES)

    assert positions(first) == [1, 2, 3]
    assert positions(second) == [3, 4, 5]


def test_what_a_take_left_comes_again_first() -> None:
    one = partition()
    take_in(one, 1, 2, 3, 4)
    one.next_batch(RULES)
    one.succeeded(Position(1))

    assert positions(one.next_batch(RULES)) == [1, 2, 3, 4]


def test_a_committed_record_that_comes_again_is_the_anchor() -> None:
    one = partition(committed=2)
    take_in(one, 1, 2, 3)

    assert positions(one.next_batch(RULES)) == [2, 3]


def test_after_trouble_nothing_is_held_to_follow() -> None:
    one = partition(committed=1)
    take_in(one, 1, 2, 3)
    one.lose(TROUBLE)
    take_in(one, 4)
    assert one.next_batch(RULES) == ()

    one.locate(Position(3), suspect=False)
    one.follow()
    take_in(one, 5)
    assert positions(one.next_batch(RULES)) == [5]


def test_a_record_that_comes_twice_tells_that_the_subscription_was_moved() -> None:
    one = partition()

    assert take_in(one, 1, 2)
    assert not take_in(one, 2, 3)


def test_a_take_that_ends_after_its_partition_was_lost_brings_nothing_back() -> None:
    one = partition()
    take_in(one, 1, 2)
    one.next_batch(RULES)
    one.lose(TROUBLE)
    one.succeeded(Position(2))

    assert (one.phase, one.committed, one.trouble) == ("lost", 2, TROUBLE)
    assert one.waiting is None


def test_an_event_that_trouble_forgot_stays_the_oldest_until_it_is_committed() -> None:
    one = partition()
    one.take_in([record(1), record(2)], now_ms=500, wall_ms=400)
    assert one.view.arrived_ms == 100

    one.lose(TROUBLE)
    one.locate(None, suspect=False)
    assert one.view.arrived_ms == 100

    one.locate(Position(1), suspect=False)
    assert one.view.arrived_ms is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), max_size=20))
def test_bytes_are_counted_and_batches_contiguous(steps: list[tuple[int, int]]) -> None:
    one = partition()
    put = done = 0
    for fetched, advance in steps:
        assert take_in(one, *range(put + 1, put + fetched + 1))
        put += fetched
        batch = positions(one.next_batch(RULES))
        start = max(done, 1)
        assert batch == list(range(start, start + len(batch)))
        done = min(put, max(done, done + advance))
        one.succeeded(Position(done) if done else None)
        assert one.size_bytes == (RECORD_BYTES + 11) * (put - done)


@given(st.integers(1, 100), st.floats(0, 1))
def test_back_off_is_bounded_and_never_nothing(attempts: int, chance: float) -> None:
    assert 100 <= backoff_ms(attempts, chance) <= BACKOFF_MS_MAX

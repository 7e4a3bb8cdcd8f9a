"""When a batch is due and how large it is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.consumer.batches import (
    BatchRules,
    Waiting,
    due_ms,
    first_batch,
    weight_bytes,
)
from pipeline.core.records import Position, Record

RULES = BatchRules(bytes_max=1_000, records_max=10, age_ms=200, age_ms_max=2_000)


def waiting(*, records: int = 1, size_bytes: int = 10, lag_ms: int = 0) -> Waiting:
    return Waiting(records=records, size_bytes=size_bytes, since_ms=5_000, lag_ms=lag_ms)


def record(size: int) -> Record:
    return Record(position=Position(1), partition_key="k", arrival_ms=0, data=b"x" * size)


def test_an_event_of_an_idle_stream_waits_for_the_age_alone() -> None:
    assert due_ms(waiting(lag_ms=30), RULES) == 5_200


def test_a_full_batch_waits_for_nothing() -> None:
    assert due_ms(waiting(size_bytes=1_000), RULES) == 5_000
    assert due_ms(waiting(records=10), RULES) == 5_000


def test_a_backlog_waits_for_a_full_batch_at_most_a_tenth_of_its_age() -> None:
    assert due_ms(waiting(lag_ms=9_000), RULES) == 5_900
    assert due_ms(waiting(lag_ms=3_600_000), RULES) == 7_000


def test_a_partition_s_part_of_the_buffer_holds_two_batches() -> None:
    assert RULES.within(800).bytes_max == 400
    assert RULES.within(1_000_000).bytes_max == 1_000
    assert RULES.within(1).bytes_max == 1


@given(st.lists(st.integers(0, 1_500), max_size=30))
def test_a_batch_is_within_its_bounds_unless_one_record_alone_is_not(sizes: list[int]) -> None:
    rules = replace(RULES, bytes_max=3_000)
    count = first_batch(map(record, sizes), rules)

    weights = [weight_bytes(record(size)) for size in sizes]
    assert count == 0 if not sizes else 1 <= count <= rules.records_max
    assert count == 1 or sum(weights[:count]) <= rules.bytes_max
    longer = weights[: count + 1]
    if 0 < count < len(sizes):
        assert len(longer) > rules.records_max or sum(longer) > rules.bytes_max

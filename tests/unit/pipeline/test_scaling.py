"""How many shards a stream should have: by load and clock, in steps, never beyond a limit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.units import DAY_MS, MINUTE_MS
from pipeline.scaling import (
    CHANGES_KEPT,
    CHANGES_MAX,
    DOWN_MINUTES,
    SHARD_BYTES,
    UP_MINUTES,
    Load,
    Scaling,
    decide,
    parse_schedule,
    scheduled,
)

NOW_MS = 1_790_000_000_000
TRACKING = Scaling(shards_min=1, shards_max=64, utilization_percent=50)
BY_CLOCK = replace(TRACKING, utilization_percent=None, schedule="daily 00:00 = 4")


def full(shards: float, *, minutes: int = DOWN_MINUTES) -> list[Load]:
    """Minutes in which so many shards were used to the last byte."""
    return [Load(bytes_in=shards * SHARD_BYTES * 60, records_in=0)] * minutes


def wanted(
    scaling: Scaling, shards: int, load: Sequence[Load] = (), changes_ms: Sequence[int] = ()
) -> int:
    return decide(scaling, now_ms=NOW_MS, shards=shards, load=load, changes_ms=changes_ms).shards


def test_a_busy_stream_gets_what_brings_it_to_its_target() -> None:
    assert wanted(TRACKING, 4, full(3)) == 6
    assert wanted(TRACKING, 4, full(2)) == 4
    records = [Load(bytes_in=0, records_in=3_000 * 60)] * DOWN_MINUTES
    assert wanted(TRACKING, 4, records) == 6


def test_one_busy_minute_is_no_reason() -> None:
    assert wanted(TRACKING, 4, [*full(2), *full(4, minutes=UP_MINUTES - 1)]) == 4
    assert wanted(TRACKING, 4, [*full(2), *full(4, minutes=UP_MINUTES)]) == 8


def test_a_quiet_stream_shrinks_after_all_of_its_quiet_minutes() -> None:
    assert wanted(TRACKING, 8, full(1)) == 4
    assert wanted(TRACKING, 8, [*full(4, minutes=1), *full(1, minutes=DOWN_MINUTES - 1)]) == 8
    assert wanted(TRACKING, 8, full(1, minutes=DOWN_MINUTES - 1)) == 8


def test_fewer_shards_are_no_more_than_what_would_be_asked_back() -> None:
    for shards in range(1, 65):
        for tenths in range(1, 10 * shards):
            load = full(tenths / 10)
            fewer = wanted(TRACKING, shards, load)
            if fewer < shards:
                assert wanted(TRACKING, fewer, load) <= fewer


def test_a_schedule_is_kept_by_the_clock_alone_or_as_the_least() -> None:
    assert wanted(BY_CLOCK, 2) == 4
    assert wanted(BY_CLOCK, 8, full(8)) == 4
    both = replace(TRACKING, schedule="daily 00:00 = 4")
    assert wanted(both, 2, full(0.1)) == 4
    assert wanted(both, 4, full(4)) == 8
    assert wanted(both, 8, full(0.1)) == 4


def test_what_was_changed_a_moment_ago_does_not_shrink_yet() -> None:
    just_now = [NOW_MS - (DOWN_MINUTES - 1) * MINUTE_MS]
    assert wanted(TRACKING, 8, full(1), just_now) == 8
    assert wanted(TRACKING, 4, full(4), just_now) == 8


def test_the_last_changes_of_a_day_are_kept_for_more_shards() -> None:
    spent = [NOW_MS - DAY_MS + 1 + n for n in range(CHANGES_MAX - CHANGES_KEPT)]
    assert wanted(TRACKING, 8, full(1), spent[1:]) == 4
    assert wanted(TRACKING, 8, full(1), spent) == 8
    assert wanted(TRACKING, 4, full(4), spent) == 8
    all_spent = [NOW_MS - DAY_MS + 1 + n for n in range(CHANGES_MAX)]
    assert wanted(TRACKING, 4, full(4), all_spent) == 4
    yesterday = [at - 1 - CHANGES_MAX for at in all_spent]
    assert wanted(TRACKING, 4, full(4), yesterday) == 8
    told = decide(TRACKING, now_ms=NOW_MS, shards=4, load=full(4), changes_ms=all_spent)
    assert told.reason == "over 50 % for 2 minutes, but 10 of 10 changes a day are used up"


@given(
    shards=st.integers(1, 500),
    limits=st.tuples(st.integers(1, 500), st.integers(1, 500)).map(sorted),
    by=st.tuples(
        st.none() | st.integers(5, 90),
        st.sampled_from(["", "daily 00:00 = 1", "mon 07:00 = 500; sun 20:00 = 3"]),
    ),
    loads=st.lists(st.floats(0, 1_000), max_size=2 * DOWN_MINUTES),
    ages=st.lists(st.integers(0, 2 * DAY_MS), max_size=12),
)
def test_no_step_is_beyond_what_kinesis_takes_or_the_limits(
    shards: int,
    limits: list[int],
    by: tuple[int | None, str],
    loads: list[float],
    ages: list[int],
) -> None:
    percent, schedule = by
    scaling = Scaling(
        shards_min=limits[0],
        shards_max=limits[1],
        utilization_percent=percent,
        schedule=schedule,
    )
    next_count = wanted(
        scaling,
        shards,
        [Load(bytes_in=each * SHARD_BYTES * 60, records_in=0) for each in loads],
        [NOW_MS - age for age in ages],
    )
    if next_count == shards:
        return
    assert shards <= 2 * next_count
    assert next_count <= 2 * shards
    assert sum(age < DAY_MS for age in ages) < CHANGES_MAX
    # One step nearer to the limits, or within them.
    assert next_count <= max(shards, scaling.shards_max)
    assert next_count >= min(shards, scaling.shards_min)


def at(day: int, hour: int, minute: int) -> int:
    """A moment of the week whose Monday is the 2nd of November 2026."""
    return round(datetime(2026, 11, 1 + day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now_ms", "shards"),
    [
        (at(1, 6, 59), 2),
        (at(1, 7, 0), 8),
        (at(1, 19, 59), 8),
        (at(1, 20, 0), 2),
        (at(5, 7, 0), 8),
        (at(6, 7, 0), 2),
        (at(7, 23, 59), 2),
        (at(8, 6, 59), 2),
        (at(8, 7, 0), 8),
    ],
)
def test_the_entry_that_began_last_holds(now_ms: int, shards: int) -> None:
    entries = parse_schedule("mon-fri 07:00 = 8; daily 20:00 = 2")
    assert scheduled(entries, now_ms=now_ms) == shards


def test_a_span_of_days_may_go_over_the_end_of_a_week() -> None:
    ((start, *rest),) = [entry.minutes for entry in parse_schedule("sat-mon 00:00 = 1")]
    assert [start, *rest] == [5 * 1_440, 6 * 1_440, 0]
    assert all(one != other for one, other in pairwise([start, *rest]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mon 7:00 = 8", "is not like"),
        ("mon 24:00 = 8", "is not like"),
        ("mon-fri 07:00 = 0", "asks for 0 shards"),
        ("mon-fri 07:00 = 501", "asks for 501 shards"),
        ("someday 07:00 = 8", "neither daily nor a day"),
        ("mon 07:00 8", "is not like"),
        ("mon- 07:00 = 8", "is not like"),
        ("mon-someday 07:00 = 8", "neither daily nor a day"),
    ],
)
def test_a_schedule_that_is_none_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_schedule(text)


def test_a_function_is_told_all_of_it() -> None:
    scaling = replace(TRACKING, schedule="mon-fri 07:00 = 8; daily 20:00 = 2")
    assert Scaling.from_text(scaling.to_text()) == scaling

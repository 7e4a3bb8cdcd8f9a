"""The time line: load, lag, alarms and faults over one axis."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.latency import Latency, Slice, distribution
from loadtests.report import AlarmSpan, Facts
from loadtests.report.timeline import lag_ms, timeline
from sluice.alarm_history import spans

T0 = 1_790_000_000_000


def due(waits_ms: list[int | None]) -> list[Slice]:
    """Slices of a second, each with one event that waited so long, or none."""
    return [
        Slice(
            start_ms=T0 + second * 1_000,
            intended=wait is not None,
            acknowledged=wait is not None,
            stored=0,
            latency=distribution([(wait, 1)]) if wait is not None else None,
        )
        for second, wait in enumerate(waits_ms)
    ]


def test_lag_is_the_age_of_the_oldest_event_that_cannot_be_read_yet() -> None:
    assert lag_ms(due([500, 2_500, 1_500, 100]), 1_000) == [0, 1_000, 2_000, 0]


def test_a_lake_that_keeps_up_has_no_lag() -> None:
    assert lag_ms(due([900, None, 1_000, 0]), 1_000) == [0, 0, 0, 0]


@given(st.lists(st.none() | st.integers(0, 20_000), min_size=1, max_size=30))
def test_lag_never_exceeds_the_longest_wait_and_grows_by_a_slice_at_most(
    waits_ms: list[int | None],
) -> None:
    lags = lag_ms(due(waits_ms), 1_000)
    assert max(lags) <= max((wait or 0 for wait in waits_ms), default=0)
    assert all(later - earlier <= 1_000 for earlier, later in pairwise(lags))


def changes(*states: tuple[str, str]) -> list[dict[str, object]]:
    """Items of an alarm's history, a second apart: alarm and new state."""
    seconds: Iterator[int] = count()
    return [
        {
            "AlarmName": f"sluice-t-{alarm}",
            "Timestamp": datetime.fromtimestamp(T0 // 1_000 + next(seconds), UTC),
            "HistoryData": f'{{"newState": {{"stateValue": "{state}"}}}}',
        }
        for alarm, state in states
    ]


NAMES = {"sluice-t-late": "late", "sluice-t-lost": "lost"}


def test_an_alarm_was_on_from_its_alarm_to_whatever_came_next() -> None:
    history = changes(("late", "OK"), ("late", "ALARM"), ("lost", "ALARM"), ("late", "OK"))
    assert spans(history, names=NAMES) == (
        AlarmSpan(name="late", from_ms=T0 + 1_000, until_ms=T0 + 3_000),
        AlarmSpan(name="lost", from_ms=T0 + 2_000, until_ms=None),
    )


def test_alarms_of_other_stacks_are_left_out() -> None:
    assert spans(changes(("late", "ALARM")), names={}) == ()


@pytest.fixture
def alarmed(facts: Facts) -> Facts:
    on = AlarmSpan(name="lake-is-late", from_ms=T0 + 30_000, until_ms=T0 + 80_000)
    return replace(facts, alarms=(on,), alarm_minute_seconds=3)


def test_the_axis_reaches_to_the_end_of_the_last_alarm(latency: Latency, alarmed: Facts) -> None:
    drawn = timeline(latency, alarmed)
    assert drawn is not None
    assert "lake-is-late: on from 30 s to 1:20" in drawn
    assert "worker killed" in drawn


def test_compressed_time_is_said(latency: Latency, alarmed: Facts) -> None:
    drawn = timeline(latency, alarmed)
    assert drawn is not None
    assert "a minute of theirs took 3 s" in drawn


def test_a_run_without_alarms_says_so(latency: Latency, facts: Facts) -> None:
    drawn = timeline(latency, facts)
    assert drawn is not None
    assert "No alarm was on." in drawn
    assert "compressed" not in drawn

"""Shapes: an open schedule in which every event has its moment, whatever became of the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.shapes import Shape, seconds_for, shape_of

SHAPES = st.builds(
    Shape,
    rate_first=st.floats(1, 10_000),
    rate_last=st.floats(1, 10_000),
    seconds=st.floats(0.5, 60),
)


@given(SHAPES)
def test_the_schedule_holds_exactly_its_events_in_order_and_within_its_time(shape: Shape) -> None:
    times = shape.times(0, shape.events)
    assert len(times) == shape.events
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)
    # The number of events is rounded, so the last may lie half an event behind the end.
    assert times[-1] <= shape.seconds + 1 / min(shape.rate_first, shape.rate_last)
    assert shape.due(shape.seconds) == shape.events == shape.due(shape.seconds + 99)


@given(SHAPES, st.floats(0, 1))
def test_what_is_due_is_what_has_had_its_moment(shape: Shape, share: float) -> None:
    at = shape.seconds * share
    times = shape.times(0, shape.events)
    near = 1e-9 * shape.seconds
    assert np.sum(times <= at - near) <= shape.due(at) <= np.sum(times <= at + near) + 1


def test_nothing_is_due_before_the_start() -> None:
    shape = shape_of("steady", rate=10, seconds=1)
    assert shape.due(-0.001) == 0
    assert shape.due(0) == 1


def test_a_steady_load_keeps_its_rate_and_a_ramp_climbs_to_it() -> None:
    steady, ramp = (shape_of(name, rate=1_000, seconds=10) for name in ("steady", "ramp"))
    assert [steady.rate(at) for at in (0, 5, 9.99)] == [1_000] * 3
    assert [ramp.rate(at) for at in (0, 5)] == [100, 550]
    assert [steady.rate(at) for at in (-1, 10)] == [0, 0]
    assert (steady.events, ramp.events) == (10_000, 5_500)
    assert ramp.due(5) - ramp.due(4) > ramp.due(1) - ramp.due(0)


@given(st.sampled_from(["steady", "ramp"]), st.floats(1, 100_000), st.integers(1, 1_000_000))
def test_a_number_of_events_gives_a_duration_that_holds_as_many(
    name: str, rate: float, events: int
) -> None:
    seconds = seconds_for(name, rate=rate, events=events)  # type: ignore[arg-type]
    assert shape_of(name, rate=rate, seconds=seconds).events == events  # type: ignore[arg-type]


@given(SHAPES, st.integers(1, 5_000))
def test_a_share_of_a_shape_has_its_own_number_of_events_over_the_same_time(
    shape: Shape, events: int
) -> None:
    share = shape.scaled(events)
    assert share.events == events
    assert share.seconds == shape.seconds


def test_users_follow_the_rate_and_there_is_always_one() -> None:
    ramp = shape_of("ramp", rate=1_000, seconds=10)
    assert [ramp.users(at, 20) for at in (0, 5, 9.999, 10)] == [2, 11, 20, 1]
    assert shape_of("steady", rate=5, seconds=1).users(0.5, 7) == pytest.approx(7)

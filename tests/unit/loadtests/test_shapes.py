"""Shapes: an open schedule in which every event has its moment, whatever became of the others."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.plan import Plan
from loadtests.shapes import Segment, Shape, ShapeName, seconds_for, shape_of
from pipeline.errors import UserError
from pipeline.sources.connections import KinesisConnection

NAMES: tuple[ShapeName, ...] = get_args(ShapeName)
SEGMENTS = st.builds(
    Segment,
    rate_first=st.floats(1, 10_000),
    rate_last=st.floats(1, 10_000),
    seconds=st.floats(0.5, 60),
)
SHAPES = st.builds(Shape, segments=st.lists(SEGMENTS, min_size=1, max_size=4).map(tuple))


@given(SHAPES)
def test_the_schedule_holds_exactly_its_events_in_order_and_within_its_time(shape: Shape) -> None:
    times = shape.times(0, shape.events)
    assert len(times) == shape.events
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)
    # The number of events is rounded, so the last may lie half an event behind the end.
    last = shape.segments[-1]
    assert times[-1] <= shape.seconds + 1 / min(last.rate_first, last.rate_last)
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


def test_a_spike_is_so_many_times_the_rate_for_a_tenth_of_the_time() -> None:
    spike = shape_of("spike", rate=1_000, seconds=100, spike_times=8)
    assert [spike.rate(at) for at in (0, 44.9, 45.1, 54.9, 55.1, 99)] == [
        *(1_000, 1_000, 8_000, 8_000, 1_000, 1_000)
    ]
    assert spike.events == 90 * 1_000 + 10 * 8_000
    assert spike.due(55) - spike.due(45) == 10 * 8_000
    assert np.sum((spike.times(0, spike.events) >= 45) & (spike.times(0, spike.events) < 55)) == (
        pytest.approx(80_000, abs=1)
    )


def test_a_soak_is_a_slow_wave_about_its_rate_that_ends_as_it_began() -> None:
    soak = shape_of("soak", rate=1_000, seconds=86_400)
    assert soak.events == 86_400 * 1_000
    assert [round(soak.rate(at)) for at in (0, 21_600, 43_200, 64_800, 86_399)] == [
        *(500, 1_000, 1_500, 1_000, 500)
    ]
    rates = np.array([soak.rate(at) for at in range(0, 86_400, 60)])
    assert np.max(np.abs(np.diff(rates))) < 5  # events/s from minute to minute: nothing jumps


@given(
    st.sampled_from(NAMES),
    st.floats(1, 100_000),
    st.integers(1, 1_000_000),
    st.floats(1.5, 50),
)
def test_a_number_of_events_gives_a_duration_that_holds_as_many(
    name: ShapeName, rate: float, events: int, spike_times: float
) -> None:
    seconds = seconds_for(name, rate=rate, events=events, spike_times=spike_times)
    shape = shape_of(name, rate=rate, seconds=seconds, spike_times=spike_times)
    assert shape.events == events
    assert shape.seconds == pytest.approx(seconds)


@given(st.sampled_from(NAMES), st.integers(50, 20_000), st.integers(1, 6), st.integers(0, 20))
def test_a_plan_of_any_shape_shares_out_exactly_its_events(
    name: ShapeName, events: int, producers: int, web_users: int
) -> None:
    plan = Plan.of(
        events=events,
        shape=name,
        producers=producers,
        web_users=web_users,
        run="r1",
        connection=KinesisConnection(stream="stream"),
        rate=1_000,
    )
    sources = [source for part in plan.parts for source in part.sources]
    shares = [plan.whole.scaled(source.events) for source in sources]
    assert sum(len(share.times(0, share.events)) for share in shares) == plan.events == events


def test_a_plan_spikes_as_high_as_it_is_told_and_no_lower_than_its_rate() -> None:
    def plan(spike_times: float) -> Plan:
        return Plan.of(
            run="r1",
            connection=KinesisConnection(stream="stream"),
            rate=100,
            shape="spike",
            seconds=10,
            spike_times=spike_times,
        )

    assert plan(20).whole.rate(5) == 2_000
    assert plan(20).shape_in_words == "spike to 20 times"
    with pytest.raises(UserError, match="spike_times"):
        plan(1)


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

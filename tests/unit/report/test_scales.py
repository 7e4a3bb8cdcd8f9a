"""Axes hold every value that is drawn, and numbers read as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.report.markup import Markup, tag
from loadtests.report.scales import (
    bytes_text,
    count_text,
    duration_text,
    linear,
    logarithmic,
    ms_text,
    percentile_axis,
    time_axis,
)

positive = st.floats(0.01, 1e9)


@given(positive)
def test_a_linear_axis_starts_at_zero_and_reaches_its_highest_value(high: float) -> None:
    axis = linear(0, high, label=str)
    assert axis.place(0) == 0
    assert 0.5 <= axis.place(high) <= 1 + 1e-6
    assert 2 <= len(axis.ticks) <= 7
    assert axis.place(axis.ticks[-1]) == pytest.approx(1)


@given(st.floats(0, 1e7), st.floats(1, 1e4))
def test_a_logarithmic_axis_holds_its_values_in_order(low: float, ratio: float) -> None:
    high = low * ratio
    axis = logarithmic(low, high, label=str)
    assert 0 <= axis.place(low) <= axis.place(high) <= 1 + 1e-9
    assert axis.ticks


@given(st.floats(0.1, 1e6))
def test_a_time_axis_ends_where_the_run_does_with_few_ticks(seconds: float) -> None:
    axis = time_axis(seconds)
    assert axis.place(seconds) == pytest.approx(1)
    assert 1 <= len(axis.ticks) <= 10
    assert axis.ticks[-1] <= seconds * (1 + 1e-6)


def test_each_further_nine_is_as_wide_as_the_one_before() -> None:
    axis = percentile_axis([0, 50, 90, 99, 99.9, 100])
    assert axis.place(99) - axis.place(90) == pytest.approx(axis.place(99.9) - axis.place(99))
    assert (axis.place(0), axis.place(100)) == (0, 1)
    assert axis.ticks == (0, 50, 90, 99, 99.9)


def test_numbers_read_as_people_say_them() -> None:
    assert [count_text(n) for n in (0, 950, 1_234, 40_000, 1e7)] == [
        *("0", "950", "1.23k", "40k", "10M"),
    ]
    assert [ms_text(n) for n in (0, 12, 1_500, 90_000, 7_200_000)] == [
        *("0 ms", "12 ms", "1.5 s", "1.5 min", "2 h"),
    ]
    assert [duration_text(n) for n in (0.5, 30, 90, 7_200)] == ["0.5 s", "30 s", "1:30", "2:00:00"]
    assert [bytes_text(n) for n in (9, 9_000, 7_900_000, 2e9)] == [
        *("9 B", "9 kB", "7.9 MB", "2 GB"),
    ]


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("b", "<&", Markup("<i></i>"), class_='"x"', hidden=None) == (
        '<b class="&quot;x&quot;">&lt;&amp;<i></i></b>'
    )

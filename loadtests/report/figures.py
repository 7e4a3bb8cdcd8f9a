"""The report's charts: throughput, latency over time, and the curve of percentiles."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from loadtests.latency import Latency, Slice
from loadtests.report.chart import Series, Tip, legend, line_chart
from loadtests.report.facts import Facts
from loadtests.report.marks import marks_of
from loadtests.report.markup import Markup, tag
from loadtests.report.scales import (
    count_text,
    duration_text,
    linear,
    logarithmic,
    ms_text,
    percentile_axis,
    time_axis,
)

_LIMIT_IN_SIGHT: Final = 5
"""An objective is drawn when the longest latency came within this factor of it."""


def throughput(latency: Latency, facts: Facts) -> Markup:
    """Return events/s over time: intended, acknowledged and readable."""
    slices = latency.slices
    per_second = 1_000 / latency.slice_ms
    series = (
        _over_time("readable in the lake", "stored", slices, lambda s: s.stored * per_second),
        _over_time("acknowledged", "sent", slices, lambda s: s.acknowledged * per_second),
        _over_time("intended", "intended", slices, lambda s: s.intended * per_second),
    )
    highest = max(
        (value for each in series for _, value in each.points if value is not None), default=1.0
    )
    drawn = line_chart(
        series,
        x=time_axis(_seconds(latency, len(slices))),
        y=linear(0, max(highest, 1), label=count_text),
        title="Throughput over time",
        description="Events a second: intended, acknowledged by the stream, readable in the lake.",
        marks=marks_of(latency, facts),
        tips=_tips(
            latency,
            lambda s: (
                f"intended {s.intended * per_second:,.0f}/s\n"
                f"acknowledged {s.acknowledged * per_second:,.0f}/s\n"
                f"readable {s.stored * per_second:,.0f}/s"
            ),
        ),
    )
    note = "Events a second. A commit makes a whole batch readable at once, hence the peaks."
    return _figure(drawn, note, legend(series))


def latency_over_time(latency: Latency, facts: Facts, *, p99_ms_max: float | None) -> Markup:
    """Return p50, p99 and the maximum over the time at which events were meant to be sent."""
    slices = latency.slices[: _last_due(latency.slices) + 1]
    series = (
        _curve("p50", "stored", slices, lambda s: s.latency.p50_ms if s.latency else None),
        _curve("p99", "warm", slices, lambda s: s.latency.p99_ms if s.latency else None),
        _curve("longest", "hot", slices, lambda s: s.latency.max_ms if s.latency else None),
    )
    values = [value for each in series for _, value in each.points if value is not None]
    highest = max(values, default=10)
    if p99_ms_max and p99_ms_max <= highest * _LIMIT_IN_SIGHT:
        highest = max(highest, p99_ms_max)
    drawn = line_chart(
        series,
        x=time_axis(_seconds(latency, len(slices))),
        y=logarithmic(min(values, default=1), highest, label=ms_text),
        title="Latency over time",
        description="From the intended send until the row is readable, by the time of the send.",
        marks=marks_of(latency, facts),
        limit=(p99_ms_max, f"objective for p99: {ms_text(p99_ms_max)}") if p99_ms_max else None,
        tips=_tips(
            latency,
            lambda s: (
                f"p50 {ms_text(s.latency.p50_ms)}\np99 {ms_text(s.latency.p99_ms)}\n"
                f"longest {ms_text(s.latency.max_ms)}\n{s.latency.count:,} events"
                if s.latency
                else "nothing was due"
            ),
        ),
    )
    note = "By the moment at which an event was meant to leave, so a stalled sender shows as well."
    return _figure(drawn, note, legend(series))


def percentiles(latency: Latency) -> Markup:
    """Return the curve of all latencies, each further nine as wide as the one before."""
    if latency.overall is None:
        return tag("p", "No row could be measured.", class_="quiet")
    beyond = 1 / max(latency.overall.count, 1)
    points = [
        (percent, float(value))
        for percent, value in latency.overall.percentiles
        if percent < 100 and 1 - percent / 100 >= beyond
    ]
    values = [value for _, value in points]
    drawn = line_chart(
        (Series(name="latency", style="stored", points=points, filled=True),),
        x=percentile_axis([percent for percent, _ in points]),
        y=logarithmic(min(values), max(values), label=ms_text),
        title="Distribution of latency",
        description="Latency by percentile; both axes are logarithmic.",
        tips=[
            Tip(first=before, last=percent, text=f"{percent:g} % within {ms_text(value)}")
            for (before, _), (percent, value) in pairwise(points)
        ],
    )
    note = "So many percent of all rows were readable within so long. Both axes are logarithmic."
    return _figure(drawn, note)


def _figure(drawn: Markup, note: str, key: Markup | None = None) -> Markup:
    return tag("figure", key, drawn, tag("figcaption", note))


def _seconds(latency: Latency, slices: int) -> float:
    return max(slices, 1) * latency.slice_ms / 1_000


def _last_due(slices: Sequence[Slice]) -> int:
    return max((place for place, each in enumerate(slices) if each.intended), default=0)


def _over_time(
    name: str, style: str, slices: Sequence[Slice], value: Callable[[Slice], float]
) -> Series:
    """Return a stepped series: each value holds from its slice's start to its end."""
    if not slices:
        return Series(name=name, style=style, points=())
    width_ms = slices[1].start_ms - slices[0].start_ms if len(slices) > 1 else 1_000
    points = [((each.start_ms - slices[0].start_ms) / 1_000, float(value(each))) for each in slices]
    points.append((points[-1][0] + width_ms / 1_000, points[-1][1]))
    return Series(name=name, style=style, points=points, stepped=True, filled=style == "stored")


def _curve(
    name: str, style: str, slices: Sequence[Slice], value: Callable[[Slice], float | None]
) -> Series:
    """Return a series with one point in the middle of each slice."""
    width_ms = slices[1].start_ms - slices[0].start_ms if len(slices) > 1 else 1_000
    return Series(
        name=name,
        style=style,
        points=[
            ((each.start_ms - slices[0].start_ms + width_ms / 2) / 1_000, value(each))
            for each in slices
        ],
    )


def _tips(latency: Latency, text: Callable[[Slice], str]) -> list[Tip]:
    """Return one text a slice."""
    if not latency.slices:
        return []
    first_ms = latency.slices[0].start_ms
    starts = [(each, (each.start_ms - first_ms) / 1_000) for each in latency.slices]
    width = latency.slice_ms / 1_000
    return [
        Tip(first=at, last=at + width, text=f"{duration_text(at)}\n{text(each)}")
        for each, at in starts
    ]

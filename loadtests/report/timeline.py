"""The time line: load, lag, alarms and faults over one axis, so that cause and effect line up."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

from loadtests.latency import Latency, Slice
from loadtests.report.chart import LEFT, RIGHT, WIDTH, Mark, Series, line_chart
from loadtests.report.facts import AlarmSpan, Facts
from loadtests.report.marks import listed, marks_of
from loadtests.report.markup import Markup, join, tag
from loadtests.report.scales import Axis, count_text, duration_text, linear, time_axis

PANEL_HEIGHT: Final = 120
LANE_HEIGHT: Final = 22
_ROOM: Final = WIDTH - LEFT - RIGHT


def timeline(latency: Latency, facts: Facts) -> Markup | None:
    """Return load, lag and alarms one above the other; None when nothing went on."""
    if not latency.slices:
        return None
    x = time_axis(_seconds(latency, facts))
    marks = marks_of(latency, facts)
    return tag(
        "figure",
        _panel(_load(latency), x=x, marks=marks, title="Load, events a second", label=count_text),
        _panel(_lag(latency), x=x, marks=marks, title="Lag of the lake", label=duration_text),
        lanes(facts.alarms, x=x, first_ms=latency.slices[0].start_ms),
        tag("figcaption", listed(marks), _note(facts)),
        class_="timeline",
    )


def lag_ms(slices: Sequence[Slice], slice_ms: int) -> list[int]:
    """Return for each slice how old the oldest event is that is due and not yet readable.

    Seen at the slice's end: an event that waits longest of its slice keeps the lake late from the
    moment at which it was due until it could be read. The last slices of a run fall to 0.
    """
    lags = []
    for place, now in enumerate(slices):
        end_ms = now.start_ms + slice_ms
        waiting = (
            end_ms - due.start_ms
            for due in slices[: place + 1]
            if due.latency is not None and due.start_ms + due.latency.max_ms > end_ms
        )
        lags.append(max(waiting, default=0))
    return lags


def lanes(spans: Sequence[AlarmSpan], *, x: Axis, first_ms: int) -> Markup:
    """Return one lane an alarm with a bar while it was on; a sentence when none ever was."""
    if not spans:
        return tag("p", "No alarm was on.", class_="quiet")
    names = list(dict.fromkeys(span.name for span in spans))
    drawn = (
        _bar(span, x=x, first_ms=first_ms, top=names.index(span.name) * LANE_HEIGHT)
        for span in spans
    )
    labels = (
        tag("text", name, x=LEFT, y=place * LANE_HEIGHT + 15, class_="lane")
        for place, name in enumerate(names)
    )
    return tag(
        "svg",
        tag("title", "Alarms that were on"),
        *drawn,
        *labels,
        viewBox=f"0 0 {WIDTH} {len(names) * LANE_HEIGHT}",
        role="img",
        class_="chart lanes",
    )


def _bar(span: AlarmSpan, *, x: Axis, first_ms: int, top: int) -> Markup:
    began, ended = ((at - first_ms) / 1_000 for at in (span.from_ms, span.until_ms or span.from_ms))
    left = LEFT + _ROOM * min(max(x.place(began), 0), 1)
    right = LEFT + _ROOM * (min(max(x.place(ended), 0), 1) if span.until_ms else 1)
    still = "" if span.until_ms else ", and still is"
    said = f"{span.name}: on from {duration_text(max(began, 0))}"
    said += f" to {duration_text(max(ended, 0))}" if span.until_ms else still
    return tag(
        "rect",
        tag("title", said),
        x=f"{left:.1f}",
        y=top + 2,
        width=f"{max(right - left, 2):.1f}",
        height=LANE_HEIGHT - 4,
        rx=4,
        class_="part hot",
    )


def _panel(
    series: Series, *, x: Axis, marks: Sequence[Mark], title: str, label: Callable[[float], str]
) -> Markup:
    highest = max((value for _, value in series.points if value is not None), default=0.0)
    drawn = line_chart(
        (series,),
        x=x,
        y=linear(0, max(highest, 1), label=label, ticks=3),
        title=title,
        description=title,
        marks=marks,
        height=PANEL_HEIGHT,
    )
    return join(tag("p", title, class_="quiet"), drawn)


def _load(latency: Latency) -> Series:
    slices, width = latency.slices, latency.slice_ms / 1_000
    points = [
        (_at(each.start_ms, latency), each.intended * 1_000 / latency.slice_ms) for each in slices
    ]
    points.append((points[-1][0] + width, points[-1][1]))
    return Series(name="intended", style="stored", points=points, stepped=True, filled=True)


def _lag(latency: Latency) -> Series:
    width = latency.slice_ms / 1_000
    points = [
        (_at(each.start_ms, latency) + width, lag / 1_000)
        for each, lag in zip(latency.slices, lag_ms(latency.slices, latency.slice_ms), strict=True)
    ]
    return Series(name="lag", style="warm", points=points, filled=True)


def _at(at_ms: int, latency: Latency) -> float:
    return (at_ms - latency.slices[0].start_ms) / 1_000


def _seconds(latency: Latency, facts: Facts) -> float:
    """Return how long the axis is: to the end of the run, of its alarms and of what happened."""
    last = latency.slices[-1].start_ms + latency.slice_ms
    others = chain(
        (span.until_ms or span.from_ms for span in facts.alarms),
        (happening.at_ms for happening in facts.happenings),
    )
    return _at(max((last, *others)), latency)


def _note(facts: Facts) -> str:
    said = "Lag is the age of the oldest event that was due and not yet readable."
    if facts.alarm_minute_seconds != 60:
        said += (
            f" Time of the alarms is compressed: a minute of theirs took "
            f"{facts.alarm_minute_seconds:g} s."
        )
    return said

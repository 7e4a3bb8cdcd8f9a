"""Charts as inline SVG: pure functions from series to markup, coloured by the style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtests.report.markup import Markup, join, tag
from loadtests.report.scales import Axis

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT: Final = 62
RIGHT: Final = 24
TOP: Final = 14
BOTTOM: Final = 34
_INNER_WIDTH: Final = WIDTH - LEFT - RIGHT
_INNER_HEIGHT: Final = HEIGHT - TOP - BOTTOM

Points = Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line with its name; `style` is a class of the style sheet, a point without y is a gap."""

    name: str
    style: str
    points: Points
    filled: bool = False
    stepped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at `x`, under a short `sign` such as 1."""

    x: float
    sign: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What the pointer is told between two values of x."""

    first: float
    last: float
    text: str


def line_chart(
    series: Sequence[Series],
    *,
    x: Axis,
    y: Axis,
    title: str,
    description: str,
    marks: Sequence[Mark] = (),
    tips: Sequence[Tip] = (),
    limit: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart; `limit` is a value of y to hold the lines against, and its name."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        _grid(x, y),
        *(_area(each, x, y) for each in series if each.filled),
        *(_line(each, x, y) for each in series),
        _limit(limit, y),
        *(_tip(tip, x) for tip in tips),
        *(_mark(mark, x) for mark in marks),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="chart",
    )


def legend(series: Sequence[Series]) -> Markup:
    """Return the key of a chart."""
    return tag(
        "ul",
        *(
            tag("li", tag("span", class_=f"swatch {each.style}", aria_hidden="true"), each.name)
            for each in series
        ),
        class_="legend",
    )


def share_bar(parts: Sequence[tuple[str, str, int]], *, title: str) -> Markup:
    """Return one bar split by (name, style, count); a part that is not zero is always visible."""
    shown = [part for part in parts if part[2]]
    total = sum(count for _, _, count in shown) or 1
    least = 6.0
    room = WIDTH - least * len(shown)
    pieces: list[Markup] = []
    at = 0.0
    for name, style, count in shown:
        width = least + room * count / total
        pieces.append(
            tag(
                "rect",
                tag("title", f"{name}: {count:,}"),
                x=f"{at:.1f}",
                y=0,
                width=f"{max(width - 2, 1):.1f}",
                height=18,
                rx=4,
                class_=f"part {style}",
            )
        )
        at += width
    return tag(
        "svg",
        tag("title", title),
        *pieces,
        viewBox=f"0 0 {WIDTH} 18",
        role="img",
        class_="bar",
        preserveAspectRatio="none",
    )


def _left(x: Axis, value: float) -> float:
    return LEFT + _INNER_WIDTH * min(max(x.place(value), 0), 1)


def _top(y: Axis, value: float) -> float:
    return TOP + _INNER_HEIGHT * (1 - min(max(y.place(value), 0), 1))


def _grid(x: Axis, y: Axis) -> Markup:
    """Return grid lines and the labels of both axes."""
    floor = TOP + _INNER_HEIGHT
    rows = (
        join(
            tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
            tag("text", y.label(tick), x=LEFT - 8, y=f"{at + 4:.1f}", text_anchor="end"),
        )
        for tick in y.ticks
        for at in [_top(y, tick)]
    )
    columns = (
        join(
            tag("line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=floor, y2=floor + 5),
            tag(
                "text",
                x.label(tick),
                x=f"{min(at, WIDTH - RIGHT - 6):.1f}",
                y=floor + 20,
                text_anchor="middle",
            ),
        )
        for tick in x.ticks
        for at in [_left(x, tick)]
    )
    return tag("g", *rows, *columns, class_="grid")


def _runs(points: Points) -> list[list[tuple[float, float]]]:
    """Return the stretches of points between gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _path(run: Sequence[tuple[float, float]], x: Axis, y: Axis, *, stepped: bool) -> str:
    """Return the path's commands through a stretch of points."""
    places = [(_left(x, at), _top(y, value)) for at, value in run]
    parts = [f"M{places[0][0]:.1f},{places[0][1]:.1f}"]
    for left, top in places[1:]:
        parts.append(f"H{left:.1f}V{top:.1f}" if stepped else f"L{left:.1f},{top:.1f}")
    return "".join(parts)


def _line(series: Series, x: Axis, y: Axis) -> Markup:
    """Return the line of a series; a lonely point is a dot."""
    drawn = []
    for run in _runs(series.points):
        if len(run) == 1:
            left, top = _left(x, run[0][0]), _top(y, run[0][1])
            style = f"dot {series.style}"
            drawn.append(tag("circle", cx=f"{left:.1f}", cy=f"{top:.1f}", r=3, class_=style))
        else:
            path = _path(run, x, y, stepped=series.stepped)
            drawn.append(tag("path", d=path, class_=f"line {series.style}"))
    return join(*drawn)


def _area(series: Series, x: Axis, y: Axis) -> Markup:
    """Return the surface under a series."""
    floor = f"{TOP + _INNER_HEIGHT:.1f}"
    return join(
        *(
            tag(
                "path",
                d=f"{_path(run, x, y, stepped=series.stepped)}V{floor}H{_left(x, run[0][0]):.1f}Z",
                class_=f"area {series.style}",
            )
            for run in _runs(series.points)
            if len(run) > 1
        )
    )


def _limit(limit: tuple[float, str] | None, y: Axis) -> Markup | None:
    """Return the line of an objective, if it lies on the chart."""
    if limit is None or not 0 <= y.place(limit[0]) <= 1:
        return None
    at = _top(y, limit[0])
    return tag(
        "g",
        tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
        tag("text", limit[1], x=WIDTH - RIGHT - 4, y=f"{at - 5:.1f}", text_anchor="end"),
        class_="limit",
    )


def _mark(mark: Mark, x: Axis) -> Markup:
    """Return a dashed line with its sign on top, and its text under the pointer."""
    at = f"{_left(x, mark.x):.1f}"
    return tag(
        "g",
        tag("line", x1=at, x2=at, y1=TOP, y2=TOP + _INNER_HEIGHT),
        tag("circle", tag("title", mark.text), cx=at, cy=TOP, r=9),
        tag("text", mark.sign, x=at, y=TOP + 4, text_anchor="middle"),
        class_="mark",
    )


def _tip(tip: Tip, x: Axis) -> Markup:
    """Return an invisible column that shows its text under the pointer."""
    left, right = _left(x, tip.first), _left(x, tip.last)
    return tag(
        "rect",
        tag("title", tip.text),
        x=f"{left:.1f}",
        y=TOP,
        width=f"{max(right - left, 1):.1f}",
        height=_INNER_HEIGHT,
        class_="tip",
    )

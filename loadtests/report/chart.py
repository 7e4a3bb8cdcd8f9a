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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where values lie on the drawing: two axes, and the height of the whole."""

    x: Axis
    y: Axis
    height: int

    @property
    def floor(self) -> int:
        """Return where the axis of x lies."""
        return self.height - BOTTOM

    def left(self, value: float) -> float:
        """Return the place of a value of x; one beyond the axis lies at its end."""
        return LEFT + _INNER_WIDTH * min(max(self.x.place(value), 0), 1)

    def top(self, value: float) -> float:
        """Return the place of a value of y; one beyond the axis lies at its end."""
        return TOP + (self.floor - TOP) * (1 - min(max(self.y.place(value), 0), 1))


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
    height: int = HEIGHT,
) -> Markup:
    """Return a chart; `limit` is a value of y to hold the lines against, and its name."""
    plane = Plane(x=x, y=y, height=height)
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        _grid(plane),
        *(_area(each, plane) for each in series if each.filled),
        *(_line(each, plane) for each in series),
        _limit(limit, plane),
        *(_tip(tip, plane) for tip in tips),
        *(_mark(mark, plane) for mark in marks),
        viewBox=f"0 0 {WIDTH} {height}",
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


def _grid(plane: Plane) -> Markup:
    """Return grid lines and the labels of both axes."""
    rows = (
        join(
            tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
            tag("text", plane.y.label(tick), x=LEFT - 8, y=f"{at + 4:.1f}", text_anchor="end"),
        )
        for tick in plane.y.ticks
        for at in [plane.top(tick)]
    )
    columns = (
        join(
            tag("line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=plane.floor, y2=plane.floor + 5),
            tag(
                "text",
                plane.x.label(tick),
                x=f"{min(at, WIDTH - RIGHT - 6):.1f}",
                y=plane.floor + 20,
                text_anchor="middle",
            ),
        )
        for tick in plane.x.ticks
        for at in [plane.left(tick)]
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


def _path(run: Sequence[tuple[float, float]], plane: Plane, *, stepped: bool) -> str:
    """Return the path's commands through a stretch of points."""
    places = [(plane.left(at), plane.top(value)) for at, value in run]
    parts = [f"M{places[0][0]:.1f},{places[0][1]:.1f}"]
    for left, top in places[1:]:
        parts.append(f"H{left:.1f}V{top:.1f}" if stepped else f"L{left:.1f},{top:.1f}")
    return "".join(parts)


def _line(series: Series, plane: Plane) -> Markup:
    """Return the line of a series; a lonely point is a dot."""
    drawn = []
    for run in _runs(series.points):
        if len(run) == 1:
            left, top = plane.left(run[0][0]), plane.top(run[0][1])
            style = f"dot {series.style}"
            drawn.append(tag("circle", cx=f"{left:.1f}", cy=f"{top:.1f}", r=3, class_=style))
        else:
            path = _path(run, plane, stepped=series.stepped)
            drawn.append(tag("path", d=path, class_=f"line {series.style}"))
    return join(*drawn)


def _area(series: Series, plane: Plane) -> Markup:
    """Return the surface under a series."""
    return join(
        *(
            tag(
                "path",
                d=_path(run, plane, stepped=series.stepped)
                + f"V{plane.floor:.1f}H{plane.left(run[0][0]):.1f}Z",
                class_=f"area {series.style}",
            )
            for run in _runs(series.points)
            if len(run) > 1
        )
    )


def _limit(limit: tuple[float, str] | None, plane: Plane) -> Markup | None:
    """Return the line of an objective, if it lies on the chart."""
    if limit is None or not 0 <= plane.y.place(limit[0]) <= 1:
        return None
    at = plane.top(limit[0])
    return tag(
        "g",
        tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
        tag("text", limit[1], x=WIDTH - RIGHT - 4, y=f"{at - 5:.1f}", text_anchor="end"),
        class_="limit",
    )


def _mark(mark: Mark, plane: Plane) -> Markup:
    """Return a dashed line with its sign on top, and its text under the pointer."""
    at = f"{plane.left(mark.x):.1f}"
    return tag(
        "g",
        tag("line", x1=at, x2=at, y1=TOP, y2=plane.floor),
        tag("circle", tag("title", mark.text), cx=at, cy=TOP, r=9),
        tag("text", mark.sign, x=at, y=TOP + 4, text_anchor="middle"),
        class_="mark",
    )


def _tip(tip: Tip, plane: Plane) -> Markup:
    """Return an invisible column that shows its text under the pointer."""
    left, right = plane.left(tip.first), plane.left(tip.last)
    return tag(
        "rect",
        tag("title", tip.text),
        x=f"{left:.1f}",
        y=TOP,
        width=f"{max(right - left, 1):.1f}",
        height=plane.floor - TOP,
        class_="tip",
    )

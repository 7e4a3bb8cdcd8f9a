"""Axes as arithmetic: round ticks, linear and logarithmic scales, and numbers as people read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale from values to 0..1, and where its ticks stand."""

    place: Callable[[float], float]
    ticks: tuple[float, ...]
    label: Callable[[float], str]


def linear(low: float, high: float, *, label: Callable[[float], str], ticks: int = 5) -> Axis:
    """Return a linear axis that starts at `low` and ends at a round tick at or above `high`."""
    step = round_step((high - low) / ticks)
    first = math.floor(low / step)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    bottom, top = first * step, last * step
    return Axis(
        place=lambda value: (value - bottom) / (top - bottom),
        ticks=tuple(number * step for number in range(first, last + 1)),
        label=label,
    )


def time_axis(seconds: float, *, ticks: int = 8) -> Axis:
    """Return the axis of a run's time from 0 to exactly `seconds`."""
    span = max(seconds, 1e-9)
    fitting = (s for s in (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if span / s <= ticks)
    step = next(fitting, 3_600 * math.ceil(span / 3_600 / ticks))
    return Axis(
        place=lambda value: value / span,
        ticks=tuple(number * step for number in range(math.floor(span / step + 1e-9) + 1)),
        label=duration_text,
    )


def logarithmic(low: float, high: float, *, label: Callable[[float], str]) -> Axis:
    """Return a logarithmic axis over steps of 1, 2 and 5; a value below its start lies on it."""
    bottom = max(low, 1.0)
    ticks = [
        10.0**decade * step
        for decade in range(math.floor(math.log10(bottom)), math.ceil(math.log10(high + 1)) + 1)
        for step in _STEPS[:3]
    ]
    start = max((tick for tick in ticks if tick <= bottom), default=ticks[0])
    end = min((tick for tick in ticks if tick >= high and tick > start), default=ticks[-1])
    width = math.log10(end / start)
    shown = [tick for tick in ticks if start <= tick <= end]
    if len(shown) > 8:
        shown = [tick for tick in shown if math.log10(tick).is_integer()]
    return Axis(
        place=lambda value: math.log10(max(value, start) / start) / width,
        ticks=tuple(shown),
        label=label,
    )


def percentile_axis(percents: Sequence[float]) -> Axis:
    """Return the axis on which each further nine takes as much room as the one before.

    The last percentile below 100 ends the axis: 100 itself lies infinitely far.
    """
    nines_max = max((_nines(percent) for percent in percents if percent < 100), default=1.0)
    shown = [
        percent
        for percent in (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
        if _nines(percent) <= nines_max
    ]
    return Axis(
        place=lambda percent: 1.0 if percent >= 100 else _nines(percent) / nines_max,
        ticks=tuple(shown),
        label=lambda percent: f"{percent:g} %",
    )


def _nines(percent: float) -> float:
    return -math.log10(max(1 - percent / 100, 1e-9))


def round_step(rough: float) -> float:
    """Return the least of 1, 2, 5 times a power of ten that is at or above `rough`."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))


def count_text(value: float) -> str:
    """Return a count in short: 950, 1.2k, 40k, 10M."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def ms_text(value: float) -> str:
    """Return milliseconds in the unit that a person would say."""
    if value < 1_000:
        return f"{value:.3g} ms"
    if value < 60_000:
        return f"{value / 1_000:.3g} s"
    return f"{value / 60_000:.3g} min" if value < 3_600_000 else f"{value / 3_600_000:.3g} h"


def duration_text(seconds: float) -> str:
    """Return a time since the start: 0.5 s, 30 s, 1:30, 2:00:00."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def bytes_text(value: float) -> str:
    """Return bytes in decimal units."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"

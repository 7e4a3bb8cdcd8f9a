"""Shapes of a load: the rate over time, and the exact moment at which each event is meant to go."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt

ShapeName = Literal["steady", "ramp"]

RAMP_START: Final = 0.1
"""A ramp starts at this share of its final rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A rate that moves in a line from `rate_first` to `rate_last` (events/s) over `seconds`.

    The schedule is open: event n is due when the area under the rate reaches n, whatever became of
    the events before it.
    """

    rate_first: float
    rate_last: float
    seconds: float

    @property
    def events(self) -> int:
        """Return how many events the whole shape holds."""
        return max(1, round(self._area))

    def rate(self, at: float) -> float:
        """Return the rate, in events/s, `at` seconds after the start; 0 outside the shape."""
        if not 0 <= at < self.seconds:
            return 0.0
        return self.rate_first + (self.rate_last - self.rate_first) * at / self.seconds

    def due(self, at: float) -> int:
        """Return how many events are due `at` seconds after the start; the first is due at 0."""
        if at < 0:
            return 0
        at = min(at, self.seconds)
        area = self.rate_first * at + self._slope * at * at / 2
        return min(self.events, floor(area) + 1)

    def times(self, first: int, last: int) -> npt.NDArray[np.float64]:
        """Return the seconds after the start at which events `first` to `last` - 1 are due."""
        number = np.arange(first, last, dtype=np.float64)
        if self._slope == 0:
            return number / self.rate_first
        root = np.sqrt(self.rate_first**2 + 2 * self._slope * number)
        return (root - self.rate_first) / self._slope

    def scaled(self, events: int) -> Self:
        """Return the same shape over the same time for another number of events."""
        share = events / self._area
        return type(self)(
            rate_first=self.rate_first * share,
            rate_last=self.rate_last * share,
            seconds=self.seconds,
        )

    def users(self, at: float, users_max: int) -> int:
        """Return how many users make the rate `at` seconds after the start; at least one."""
        return max(1, ceil(users_max * self.rate(at) / max(self.rate_first, self.rate_last)))

    @property
    def _area(self) -> float:
        return (self.rate_first + self.rate_last) / 2 * self.seconds

    @property
    def _slope(self) -> float:
        return (self.rate_last - self.rate_first) / self.seconds


def shape_of(name: ShapeName, *, rate: float, seconds: float) -> Shape:
    """Return the shape that reaches `rate` events/s: at once (steady), or at the end (ramp)."""
    first = rate if name == "steady" else rate * RAMP_START
    return Shape(rate_first=first, rate_last=rate, seconds=seconds)


def seconds_for(name: ShapeName, *, rate: float, events: int) -> float:
    """Return how long the shape takes for a number of events."""
    shape = shape_of(name, rate=rate, seconds=1)
    return events / ((shape.rate_first + shape.rate_last) / 2)

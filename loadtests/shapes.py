"""Shapes of a load: the rate over time, and the exact moment at which each event is meant to go."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, cos, floor, tau
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt

ShapeName = Literal["steady", "ramp", "spike", "soak"]

RAMP_START: Final = 0.1
"""A ramp starts at this share of its final rate."""

SPIKE_TIMES: Final = 5.0
"""How many times the rate a spike reaches, unless told otherwise."""
SPIKE_BEGIN: Final = 0.45
SPIKE_SHARE: Final = 0.1
"""The share of the time that a spike lasts, in the middle of the load."""

SOAK_SWING: Final = 0.5
"""By how much of the rate a soak's wave goes up and down: from half of it to one and a half."""
SOAK_LINES: Final = 48
"""Straight lines that make a soak's one wave: a day's, by the half hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A rate that moves in a line from `rate_first` to `rate_last` (events/s) over `seconds`."""

    seconds: float
    rate_first: float
    rate_last: float

    @property
    def area(self) -> float:
        """Return how many events it holds, not rounded."""
        return (self.rate_first + self.rate_last) / 2 * self.seconds

    @property
    def slope(self) -> float:
        """Return the change of the rate, in events/s each second."""
        return (self.rate_last - self.rate_first) / self.seconds

    def area_at(self, at: float) -> float:
        """Return how many events are due `at` seconds after its start, not rounded."""
        return self.rate_first * at + self.slope * at * at / 2

    def times(self, number: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the seconds after its start at which so many events are due."""
        if self.slope == 0:
            return number / self.rate_first
        root = np.sqrt(self.rate_first**2 + 2 * self.slope * number)
        return (root - self.rate_first) / self.slope


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A rate over time, in lines one after the other.

    The schedule is open: event n is due when the area under the rate reaches n, whatever became of
    the events before it.
    """

    segments: tuple[Segment, ...]

    @cached_property
    def seconds(self) -> float:
        """Return how long the shape takes."""
        return float(self._starts[-1])

    @property
    def events(self) -> int:
        """Return how many events the whole shape holds."""
        return max(1, round(self._area))

    def rate(self, at: float) -> float:
        """Return the rate, in events/s, `at` seconds after the start; 0 outside the shape."""
        if not 0 <= at < self.seconds:
            return 0.0
        number = self._segment_at(at)
        segment = self.segments[number]
        return float(segment.rate_first + segment.slope * (at - self._starts[number]))

    def due(self, at: float) -> int:
        """Return how many events are due `at` seconds after the start; the first is due at 0."""
        if at < 0:
            return 0
        at = min(at, self.seconds)
        number = self._segment_at(at)
        begun = float(self._starts[number])
        area = float(self._areas[number]) + self.segments[number].area_at(at - begun)
        return min(self.events, floor(area) + 1)

    def times(self, first: int, last: int) -> npt.NDArray[np.float64]:
        """Return the seconds after the start at which events `first` to `last` - 1 are due."""
        number = np.arange(first, last, dtype=np.float64)
        # The last segment also takes what rounding the number of events has put behind its end.
        cuts = [0, *np.searchsorted(number, self._areas[1:-1]), len(number)]
        return np.concatenate(
            [
                self._starts[place] + segment.times(number[begin:end] - self._areas[place])
                for place, (segment, begin, end) in enumerate(
                    zip(self.segments, cuts[:-1], cuts[1:], strict=True)
                )
            ]
        )

    def scaled(self, events: int) -> Self:
        """Return the same shape over the same time for another number of events."""
        share = events / self._area
        return type(self)(
            segments=tuple(
                Segment(
                    seconds=segment.seconds,
                    rate_first=segment.rate_first * share,
                    rate_last=segment.rate_last * share,
                )
                for segment in self.segments
            )
        )

    def users(self, at: float, users_max: int) -> int:
        """Return how many users make the rate `at` seconds after the start; at least one."""
        highest = max(max(segment.rate_first, segment.rate_last) for segment in self.segments)
        return max(1, ceil(users_max * self.rate(at) / highest))

    @cached_property
    def _starts(self) -> npt.NDArray[np.float64]:
        """When each segment starts, and when the last one ends."""
        return np.cumsum([0.0, *(segment.seconds for segment in self.segments)])

    @cached_property
    def _areas(self) -> npt.NDArray[np.float64]:
        """How many events are due before each segment, and by the end of the last one."""
        return np.cumsum([0.0, *(segment.area for segment in self.segments)])

    @property
    def _area(self) -> float:
        return float(self._areas[-1])

    def _segment_at(self, at: float) -> int:
        place = int(np.searchsorted(self._starts, at, side="right")) - 1
        return min(place, len(self.segments) - 1)


def shape_of(
    name: ShapeName, *, rate: float, seconds: float, spike_times: float = SPIKE_TIMES
) -> Shape:
    """Return a shape by its name.

    `rate` (events/s) is a steady load's, a ramp's at its end, a spike's before and after (it is
    `spike_times` as much for a tenth of the time), and the mean of a soak's slow wave, which starts
    and ends at its lowest.
    """
    if name == "steady":
        return _of((seconds, rate, rate))
    if name == "ramp":
        return _of((seconds, rate * RAMP_START, rate))
    if name == "spike":
        peak = rate * spike_times
        return _of(
            (seconds * SPIKE_BEGIN, rate, rate),
            (seconds * SPIKE_SHARE, peak, peak),
            (seconds * (1 - SPIKE_BEGIN - SPIKE_SHARE), rate, rate),
        )
    wave = [rate * (1 - SOAK_SWING * cos(tau * line / SOAK_LINES)) for line in range(SOAK_LINES)]
    ends = [*wave[1:], wave[0]]
    lines = zip(wave, ends, strict=True)
    return _of(*((seconds / SOAK_LINES, first, last) for first, last in lines))


def seconds_for(
    name: ShapeName, *, rate: float, events: int, spike_times: float = SPIKE_TIMES
) -> float:
    """Return how long the shape takes for a number of events."""
    second = shape_of(name, rate=rate, seconds=1, spike_times=spike_times)
    return events / sum(segment.area for segment in second.segments)


def _of(*segments: tuple[float, float, float]) -> Shape:
    return Shape(
        segments=tuple(
            Segment(seconds=seconds, rate_first=first, rate_last=last)
            for seconds, first, last in segments
        )
    )

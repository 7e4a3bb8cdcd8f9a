"""Target tracking: which capacity brings a metric to its target, pure and by AWS's rules.

Application Auto Scaling user guide, "How target tracking scaling works" and "Define cooldown
periods". AWS does not say how gradually it takes capacity away: here it is one task at a time.
"""

import math
from dataclasses import dataclass
from typing import Final

OUT_MINUTES: Final = 3
IN_MINUTES: Final = 15
"""For how long the metric has to be above its target, or well below it."""
IN_SHARE: Final = 0.9
COOLDOWN_SECONDS: Final = 300
"""The default of ECS services, for both directions."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Between which a target's capacity is moved."""

    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Move:
    """The last change of capacity, and how long ago it was."""

    out: bool
    to: int
    seconds_ago: float


@dataclass(frozen=True, kw_only=True)
class Cooldowns:
    """How long a change is given to take effect, in seconds."""

    out: float = COOLDOWN_SECONDS
    back: float = COOLDOWN_SECONDS


def scaled_out(
    capacity: int,
    *,
    metric: float,
    target: float,
    limits: Limits,
    last: Move | None,
    cooldowns: Cooldowns,
) -> int:
    """Return the capacity for a metric above its target; not less than it is.

    While an earlier scale-out takes effect, only what is more than it gave is added.
    """
    wanted = min(limits.most, max(limits.least, math.ceil(capacity * metric / target)))
    if last is not None and last.out and last.seconds_ago < cooldowns.out:
        return wanted if wanted > last.to else capacity
    return max(capacity, wanted)


def scaled_in(capacity: int, *, limits: Limits, last: Move | None, cooldowns: Cooldowns) -> int:
    """Return the capacity for a metric well below its target; not more than it is."""
    cooldown = cooldowns.back if last is None or not last.out else cooldowns.out
    if last is not None and last.seconds_ago < cooldown:
        return capacity
    return min(capacity, max(limits.least, capacity - 1))

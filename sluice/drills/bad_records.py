"""Events that are wrong: they break their contract, their clock is wrong, or they kill."""

from typing import Final

from sluice.drills.drill import Drill
from sluice.drills.rig import Rig

SPOIL_EVERY: Final = 10
CLOCK_AHEAD_MS: Final = 6 * 3_600_000
"""Contracts take event times up to an hour ahead of the arrival."""


def spoil(rig: Rig) -> None:
    """Let a tenth of the events break their contract."""
    rig.traffic.spoil_every = SPOIL_EVERY


def roll_back_producer(rig: Rig) -> None:
    """Let the producer's release be rolled back."""
    rig.traffic.spoil_every = 0


def move_clock(rig: Rig) -> None:
    """Set the producer's clock hours ahead."""
    rig.traffic.clock_ms = CLOCK_AHEAD_MS


def set_clock(rig: Rig) -> None:
    """Set the producer's clock right."""
    rig.traffic.clock_ms = 0


BAD_RECORDS: Final = (
    Drill(
        id="poison-that-parses-wrong",
        fault="a producer's release sends events that break their contract, one in ten",
        alarm="quarantine-rate",
        cause="A producer's release",
        break_it=spoil,
        heal=roll_back_producer,
        anywhere=True,
    ),
    Drill(
        id="clock-skew",
        fault="a producer's clock is six hours ahead",
        alarm="quarantine-rate",
        cause="Clocks, or a backfill",
        break_it=move_clock,
        heal=set_clock,
        anywhere=True,
    ),
)

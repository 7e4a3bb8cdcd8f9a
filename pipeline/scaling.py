"""How many shards a stream should have: by its load, by the clock, within limits. Pure."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from pipeline.core.units import DAY_MS, MINUTE_MS

SHARD_BYTES: Final = 1024 * 1024
SHARD_RECORDS: Final = 1_000
"""What one shard takes a second (Kinesis developer guide, "Quotas and limits")."""

SHARDS_MAX: Final = 500
CHANGES_MAX: Final = 10
"""Changes of a stream in any 24 hours (Kinesis API reference, "UpdateShardCount")."""
CHANGES_KEPT: Final = 4
"""So many of them are never spent on fewer shards: more may be needed before the day is over."""

UP_MINUTES: Final = 2
"""Busy for so long, and the stream grows: one minute is a burst that producers sit out."""
DOWN_MINUTES: Final = 15
"""Quiet for so long, and it shrinks; as Application Auto Scaling waits (its user guide, "How
target tracking scaling works")."""
DOWN_SHARE: Final = 0.8
"""Fewer shards must be this far under the target, or the next minute asks for them back."""

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY: Final = "daily"
MINUTES_A_DAY: Final = 1_440
MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY
_ENTRY: Final = re.compile(r"([a-z]+(?:-[a-z]+)?) ([01]\d|2[0-3]):([0-5]\d) = (\d+)")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """From these minutes of the week on, counted from Monday 00:00 UTC, at least so many shards."""

    minutes: tuple[int, ...]
    shards: int


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What a stack decides: limits, the load that a shard should have, and the clock."""

    shards_min: int
    shards_max: int
    utilization_percent: int | None
    """Of what a shard takes; None leaves it to the clock alone."""
    schedule: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The schedule's entries. Raises ValueError."""
        return parse_schedule(self.schedule)

    def to_text(self) -> str:
        """Return it as JSON, for a function's environment."""
        return json.dumps(vars(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what `to_text` wrote. Raises ValueError, TypeError."""
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a stream took in one minute."""

    bytes_in: float
    records_in: float

    def shards(self, percent: float) -> int:
        """Return how many shards take it at `percent` of what they could."""
        busiest = max(self.bytes_in / SHARD_BYTES, self.records_in / SHARD_RECORDS)
        # A sum over a minute is not exact to the last bit.
        return math.ceil(round(busiest / 60 * 100 / percent, 6))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How many shards there should be next, and why."""

    shards: int
    reason: str


def parse_schedule(text: str) -> tuple[Entry, ...]:
    """Return the entries of a schedule such as `mon-fri 07:00 = 8; daily 20:00 = 2`, UTC.

    Raises ValueError that names what is wrong.
    """
    return tuple(_entry(part.strip()) for part in text.split(";") if part.strip())


def _entry(text: str) -> Entry:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not like 'mon-fri 07:00 = 8' (days, time in UTC, shards)")
    days, hour, minute, shards = found.groups()
    if not 1 <= int(shards) <= SHARDS_MAX:
        raise ValueError(f"{text!r} asks for {shards} shards, not for 1 to {SHARDS_MAX}")
    of_day = int(hour) * 60 + int(minute)
    return Entry(
        minutes=tuple(day * MINUTES_A_DAY + of_day for day in _days(days)), shards=int(shards)
    )


def _days(text: str) -> Iterator[int]:
    first, _, last = text.partition("-")
    if text == DAILY:
        yield from range(7)
    elif first in DAYS and (last or first) in DAYS:
        length = (DAYS.index(last or first) - DAYS.index(first)) % 7 + 1
        yield from ((DAYS.index(first) + day) % 7 for day in range(length))
    else:
        raise ValueError(f"{text!r} is neither daily nor a day or two of {', '.join(DAYS)}")


def scheduled(entries: Sequence[Entry], *, now_ms: int) -> int | None:
    """Return what the entry that began last asks for; None without entries.

    A week goes on into the next: on its first morning the last entry of the week before holds.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    minute = now.weekday() * MINUTES_A_DAY + now.hour * 60 + now.minute
    begun = [
        ((minute - began) % MINUTES_A_WEEK, entry.shards)
        for entry in entries
        for began in entry.minutes
    ]
    return min(begun)[1] if begun else None


def decide(
    scaling: Scaling,
    *,
    now_ms: int,
    shards: int,
    load: Sequence[Load],
    changes_ms: Sequence[int],
) -> Decision:
    """Return how many shards a stream of `shards` should have next.

    `load` is that of whole minutes, the newest last; `changes_ms` when shards were changed within
    the last 24 hours. One step goes to the double or the half at most.
    """
    wanted, reason = _wanted(scaling, now_ms=now_ms, shards=shards, load=load)
    wanted = min(max(wanted, scaling.shards_min), scaling.shards_max)
    if wanted == shards:
        return Decision(shards=shards, reason=reason)
    recent = [at for at in changes_ms if now_ms - at < DAY_MS]
    left = CHANGES_MAX - len(recent) - (0 if wanted > shards else CHANGES_KEPT)
    if left <= 0:
        return Decision(
            shards=shards,
            reason=f"{reason}, but {len(recent)} of {CHANGES_MAX} changes a day are used up",
        )
    if wanted > shards:
        return Decision(shards=min(wanted, 2 * shards), reason=reason)
    since_ms = now_ms - max(recent, default=0)
    if since_ms < DOWN_MINUTES * MINUTE_MS:
        return Decision(shards=shards, reason=f"{reason}, but it was changed a moment ago")
    return Decision(shards=max(wanted, -(-shards // 2)), reason=reason)


def _wanted(scaling: Scaling, *, now_ms: int, shards: int, load: Sequence[Load]) -> tuple[int, str]:
    """Return what load and clock ask for, whatever may be done in one step."""
    asked = scheduled(scaling.entries, now_ms=now_ms)
    percent = scaling.utilization_percent
    if percent is None:
        return (shards, "no schedule") if asked is None else (asked, "by the schedule")
    floor = max(asked or 0, scaling.shards_min)
    recent = [minute.shards(percent) for minute in load[-UP_MINUTES:]]
    up = min(recent) if len(recent) == UP_MINUTES else 0
    if max(up, floor) > shards:
        why = f"over {percent} % for {UP_MINUTES} minutes" if up >= floor else "by the schedule"
        return max(up, floor), why
    quiet = [minute.shards(percent * DOWN_SHARE) for minute in load[-DOWN_MINUTES:]]
    down = max(quiet) if len(quiet) == DOWN_MINUTES else shards
    if max(down, floor) < shards:
        return max(down, floor), f"fewer would do for {DOWN_MINUTES} minutes"
    return shards, "as the load asks for"

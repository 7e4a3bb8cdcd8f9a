"""Which records an attempt works on: a range that kills is halved, a record that kills is masked.

Each half is committed by itself, so nothing is looked for and nobody is quarantined on suspicion
(T12). Only deaths without a word, at size one, three of them, after their deadlines, mask a record
(T13); of those only deaths in the core count, because a stalled store is no poison.
"""

from dataclasses import dataclass, replace
from typing import Final

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record
from pipeline.errors import OperatingError
from pipeline.ledger.state import Head, OpenRange, OpenToken, Phase

DEATHS_TO_HALVE: Final = 2
DEATHS_TO_MASK: Final = 3
CLOCK_SKEW_MS: Final = 2_000
"""How far two processes' clocks may be apart: a living one must not count as over (T13). Lambda's
hosts keep time within milliseconds (EC2 User Guide, "Precision clock and time synchronization")."""
TRY_AGAIN_MS: Final = 120_000
"""A shard that stopped after too many masks tries its record again, unmasked, once in so long: by
then the bad deploy may be rolled back, and nobody has to set the shard free by hand."""
TOKENS_MAX: Final = 8
"""Tokens of a kind that a head remembers: enough to judge, bounded whatever happens."""


class CoreCrashed(OperatingError):
    """The core raised something of its own: as good as a death in the core, but told at once."""


class WaitsForDeadline(OperatingError):
    """A record looks like poison, but an attempt that may still live works on it."""


class TooManyMasks(OperatingError):
    """Several records in a row killed the process: rather a bad deploy than bad records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the next attempt works on, and what the head remembers of its forerunners."""

    records: tuple[Record, ...]
    lost: tuple[LostRange, ...]
    masked: frozenset[Position]
    limit: int | None
    suspect_last: Position | None
    tokens: tuple[OpenToken, ...]

    @property
    def first(self) -> Position:
        """The first position of the range: after dropping what is committed (T22)."""
        starts = [*(lost.first for lost in self.lost[:1]), *(r.position for r in self.records[:1])]
        return min(starts)

    @property
    def last(self) -> Position:
        """The last position of the range."""
        return self.records[-1].position if self.records else self.lost[-1].last

    @property
    def phased(self) -> bool:
        """Whether this attempt writes its phases: from the second one on."""
        return bool(self.tokens) or self.limit is not None

    @property
    def opening_phase(self) -> Phase:
        """The phase to fence with: unknown once, then not in the core until it says so."""
        return "storage" if self.phased or self.masked else "unknown"


def isolate(
    head: Head,
    records: tuple[Record, ...],
    lost: tuple[LostRange, ...],
    *,
    now_ms: int,
    masks_in_a_row_max: int,
) -> Plan:
    """Return the next range: at most `limit` records from the front, one alone if it is masked.

    Raises WaitsForDeadline while an earlier attempt at a suspect may live, and TooManyMasks.
    """
    opened = head.open_range
    limit, suspect_last = head.limit, head.suspect_last
    tokens = opened.tokens if opened is not None else ()
    masked: frozenset[Position] = frozenset()
    alone = False
    if opened is not None and opened.count > 1 and len(tokens) >= DEATHS_TO_HALVE:
        limit = opened.count // 2
        suspect_last = max(opened.last, suspect_last or opened.last)
        tokens = tokens[-1:]
    elif opened is not None and is_poison(opened, records):
        wait_for_the_dead(head, opened, now_ms=now_ms)
        if head.masks_in_a_row >= masks_in_a_row_max:
            stop_for_a_while(head, opened, now_ms=now_ms)
        else:
            masked = frozenset((opened.last,))
        alone = True
    chosen, leading = until_next_loss(records, lost)
    chosen = chosen[: 1 if alone else limit]
    if opened is not None and opened.count > 1 and len(chosen) == 1:
        tokens = ()
    return Plan(
        records=chosen,
        lost=leading,
        masked=masked,
        limit=limit,
        suspect_last=suspect_last,
        tokens=bounded(tokens),
    )


def bounded(tokens: tuple[OpenToken, ...]) -> tuple[OpenToken, ...]:
    """Return the latest tokens; deaths in storage do not crowd out those that count."""
    stored = [t for t in tokens if t.phase == "storage"][-TOKENS_MAX:]
    counted = [t for t in tokens if t.phase != "storage"][-TOKENS_MAX:]
    return tuple(t for t in tokens if t in stored or t in counted)


def is_poison(opened: OpenRange, records: tuple[Record, ...]) -> bool:
    """Return whether three attempts at this one record died in the core without a word (T13)."""
    deaths = sum(token.phase != "storage" for token in opened.tokens)
    return (
        opened.count == 1
        and deaths >= DEATHS_TO_MASK
        and bool(records)
        and records[0].position == opened.last
    )


def wait_for_the_dead(head: Head, opened: OpenRange, *, now_ms: int) -> None:
    """Raise WaitsForDeadline if one of the attempts may still be alive."""
    if any(token.deadline_ms + CLOCK_SKEW_MS >= now_ms for token in opened.tokens):
        raise WaitsForDeadline(
            "a suspect record waits for the deadline of an earlier attempt",
            shard=head.shard,
            position=opened.last,
        )


def stop_for_a_while(head: Head, opened: OpenRange, *, now_ms: int) -> None:
    """Raise TooManyMasks unless the shard has stood still long enough to try its record again."""
    if now_ms - head.changed_ms < TRY_AGAIN_MS:
        raise TooManyMasks(
            f"{head.masks_in_a_row} records in a row killed the process; a bad deploy?",
            shard=head.shard,
            position=opened.last,
            retryable=False,
        )


def until_next_loss(
    records: tuple[Record, ...], lost: tuple[LostRange, ...]
) -> tuple[tuple[Record, ...], tuple[LostRange, ...]]:
    """Return the losses before the first record, and the records before the next loss."""
    if not records:
        return (), lost[:1]
    leading = tuple(loss for loss in lost if loss.last < records[0].position)
    later = [loss.first for loss in lost if loss.first > records[0].position]
    return tuple(r for r in records if not later or r.position < later[0]), leading


def after_success(
    limit: int | None, suspect_last: Position | None, *, last: Position
) -> tuple[int | None, Position | None]:
    """Return limit and suspect after a commit up to `last`: doubled below the suspect, else none.

    Without the doubling, poison first of 10,000 costs 10,000 commits of one record.
    """
    if limit is None or suspect_last is None or last >= suspect_last:
        return None, None
    return limit * 2, suspect_last


def with_phase(head: Head, token: str, phase: Phase, *, deadline_ms: int | None = None) -> Head:
    """Return the head in which one token notes what its attempt is doing, or when it ended."""
    opened = head.open_range
    if opened is None:
        return head
    tokens = tuple(
        replace(t, phase=phase, deadline_ms=t.deadline_ms if deadline_ms is None else deadline_ms)
        if t.token == token
        else t
        for t in opened.tokens
    )
    return replace(head, open_range=replace(opened, tokens=tokens))


def without_token(head: Head, token: str) -> Head:
    """Return the head without one token: its attempt ended with a word (T13)."""
    opened = head.open_range
    if opened is None:
        return head
    tokens = tuple(t for t in opened.tokens if t.token != token)
    return replace(head, open_range=replace(opened, tokens=tokens))

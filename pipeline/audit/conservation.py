"""Conservation: what was accepted is stored, quarantined, a dropped copy or in flight; pure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.batch import Batch, Limits
from pipeline.core.intake import take_in
from pipeline.core.reasons import LOST, ReasonCode
from pipeline.core.records import Position, Record
from pipeline.ledger.state import Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Events of committed ranges that were `accepted`, and by how many they do not add up.

    `gap` is the sum of what each commit has too few or too many, so that two mistakes cannot hide
    each other: 0 is right.
    """

    accepted: int = 0
    gap: int = 0


def events_in(record: Record) -> int:
    """Return how many events the core counts in a record; what cannot be split counts as one."""
    intake = take_in(Batch(records=(record,)), Limits())
    return sum(payload.lines for payload in intake.payloads) + len(intake.refused)


def covered(accepted: Mapping[Position, int], commits: Sequence[Commit]) -> tuple[Commit, ...]:
    """Return the commits whose records were all read: without a hole from first to last."""
    if not accepted:
        return ()
    first, last = min(accepted), max(accepted)
    return tuple(c for c in commits if first <= c.first and c.last <= last)


def balance(
    accepted: Mapping[Position, int],
    commits: Sequence[Commit],
    rows: Mapping[str, int],
    *,
    checked: Sequence[Commit],
) -> Balance:
    """Return the balance of one shard over those commits that are `checked`.

    `accepted` holds the events of each record read, `commits` all of the shard's since then, in
    order, and `rows` the rows of each visible file, by key. A record between two commits is a loss:
    the ledger passed it over.
    """
    events: Counter[Position | None] = Counter()
    for position, count in accepted.items():
        events[_first_of(position, commits)] += count
    taken = {commit.first: _accepted(commit, events[commit.first]) for commit in checked}
    gaps = (abs(taken[commit.first] - _found(commit, rows)) for commit in checked)
    return Balance(accepted=events[None] + sum(taken.values()), gap=events[None] + sum(gaps))


def _found(commit: Commit, rows: Mapping[str, int]) -> int:
    """Return how many events of a commit are accounted for: rows to be seen, and dropped copies."""
    return commit.counts.duplicates + sum(rows.get(file.final_key, 0) for file in commit.files)


def _first_of(position: Position, commits: Sequence[Commit]) -> Position | None:
    """Return the first position of the commit that covers a position; None if none does."""
    place = bisect_right(commits, position, key=lambda commit: commit.first) - 1
    if place < 0 or position > commits[place].last:
        return None
    return commits[place].first


def _accepted(commit: Commit, read: int) -> int:
    """Return how many events a commit took: as read, but its own count for records never decoded.

    Those of a masked record are one row (T25), and what is lost cannot be read any more.
    """
    reasons = commit.counts.quarantined_by_reason
    unread = any(r == ReasonCode.MASKED or r.startswith(LOST) for r in reasons)
    return commit.counts.received if unread else read

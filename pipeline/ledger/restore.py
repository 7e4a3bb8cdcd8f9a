"""Bring a ledger that was restored from a backup up to what the journal knows (T20, T21).

Run it only while mapping and workers have been stopped for one longest run. A commit that was
journaled may have been read by somebody, so it is put back; one that was not yet journaled showed
nothing to anybody, and its records are simply taken again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pipeline.core.records import ShardId
from pipeline.errors import BrokenInvariant
from pipeline.ledger.attempt import rewrite
from pipeline.ledger.effects import (
    NewToken,
    PutBack,
    ReadCommit,
    ReadHead,
    ReadJournal,
    ReadLineage,
)
from pipeline.ledger.lineage import parents_of
from pipeline.ledger.state import Commit, CommitRef, Head, JournalEntry
from pipeline.ledger.steps import Steps, Together, ask

READS_AT_ONCE: Final = 64
"""Commits that are looked up together: a month's journal holds millions."""


def restore(shard: ShardId) -> Steps[Head | None]:
    """Put back the commits that the ledger lacks, and return the head as it then stands.

    The `.done` mark decides what is published, not the old head: a file of a published commit may
    have been compacted since. A new fence shuts out whoever was at work before.

    Raises:
        BrokenInvariant: the journal has two commits for one position, or two without their mark.
    """
    journal = yield from ask(ReadJournal(shard))
    head = yield from ask(ReadHead(shard))
    if not journal:
        return head
    yield from put_back([entry.commit for entry in journal])
    head = head or Head(shard=shard, revision="", changed_ms=0)
    listed = yield from ask(ReadLineage())
    restored = replace(
        advanced_to(head, journal),
        fence=(yield from ask(NewToken())),
        unpublished=unpublished_of(head, journal),
        parents=parents_of(shard, head, listed),
    )
    return (yield from rewrite(restored))


def put_back(commits: Sequence[Commit]) -> Steps[None]:
    """Write what the ledger lacks of some commits. Raises BrokenInvariant if it has another one."""
    for start in range(0, len(commits), READS_AT_ONCE):
        asked = commits[start : start + READS_AT_ONCE]
        reads = tuple(ReadCommit(shard=commit.shard, first=commit.first) for commit in asked)
        for commit, known in zip(asked, (yield from ask(Together(reads))), strict=True):
            if known is None:
                yield from ask(PutBack(commit))
            elif known.token != commit.token:
                raise BrokenInvariant(f"two commits of {commit.shard} start at {commit.first}")


def unpublished_of(head: Head, journal: tuple[JournalEntry, ...]) -> CommitRef | None:
    """Return the one commit that is to be published: by the journal, else as the head says.

    A head may name a commit that died between transaction and journal. Raises BrokenInvariant if
    there are two (I3).
    """
    undone = {entry.commit.ref for entry in journal if entry.published_ms is None}
    named = head.unpublished
    if named is not None and all(entry.commit.ref != named for entry in journal):
        undone.add(named)
    if len(undone) > 1:
        raise BrokenInvariant(f"{len(undone)} commits of {head.shard} are not published")
    return next(iter(undone), None)


def advanced_to(head: Head, journal: tuple[JournalEntry, ...]) -> Head:
    """Return the head past the last commit that ledger or journal knows; nothing is open."""
    newest = max((entry.commit for entry in journal), key=lambda commit: commit.last)
    is_ahead = head.committed is None or newest.last > head.committed
    return replace(
        head,
        committed=newest.last if is_ahead else head.committed,
        last_commit=newest.ref if is_ahead else head.last_commit,
        open_range=None,
        limit=None,
        suspect_last=None,
        settled_ms=max(head.settled_ms or 0, newest.arrival_ms_max),
    )

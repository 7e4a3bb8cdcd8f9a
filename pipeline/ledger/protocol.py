"""Stage, commit, publish: the exactly-once protocol as generators of effects (protocol.md, 2).

    take      a batch, to success once all of it is committed (I5)
    sweep     what no batch will finish: unpublished commits, discarded tails, ends of shards (T5)
    retire    a shard that left the stream: what it committed is published, what it had left is lost

Neither does any input or output: whoever drives them does (`pipeline.ledger.steps.run`).
"""

from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.errors import OperatingError, Refused
from pipeline.ledger.attempt import Committed, attempt, rewrite
from pipeline.ledger.effects import Now, ReadAfter, ReadHead, ReadLineage
from pipeline.ledger.gaps import Known, ends_of_what_is_gone, follow, is_proven
from pipeline.ledger.lineage import parents_of
from pipeline.ledger.publish import publish_named
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import Head, Slice, TakeOutcome, add_counts
from pipeline.ledger.steps import Steps, ask

OUT_OF_TIME: Final = "more time"
MAYBE_ALIVE: Final = "an attempt that may be alive"


class WaitsForParent(OperatingError):
    """A child shard may commit nothing before each parent is committed to its end (I6, T15)."""


@dataclass(kw_only=True)
class Progress:
    """What a take has done so far; `lost_ends` are parents that left the stream unfinished."""

    shard: ShardId
    made: list[Committed] = field(default_factory=list)
    lost_ends: int = 0

    def outcome(self, head: Head, *, first_uncommitted: Position | None = None) -> TakeOutcome:
        """Return it as the take's answer."""
        counts = Counts()
        for one in self.made:
            counts = add_counts(counts, one.commit.counts)
        return TakeOutcome(
            shard=self.shard,
            committed=self.made[-1].commit.last if self.made else head.committed,
            first_uncommitted=first_uncommitted,
            counts=counts,
            commits=tuple(one.commit.ref for one in self.made),
            masked=sum(one.masked for one in self.made),
            lost=sum(one.lost for one in self.made) + self.lost_ends,
            lost_ends=self.lost_ends,
            published_ms=self.made[-1].published_ms if self.made else None,
        )


def take(work: Take, settings: ProtocolSettings) -> Steps[TakeOutcome]:
    """Commit and publish a batch, or as much of it as the time allows.

    Success (no `first_uncommitted`) is answered only once everything up to the batch's last record
    is committed, by whomever (I5, T3). Near the deadline the first position that is not committed
    is answered instead, so a long batch is no error. Raises Refused, OutcomeUnknown, and
    WaitsForParent: the batch is then to be delivered again.
    """
    progress = Progress(shard=work.shard)
    up_to = work.records[-1].position if work.records else None
    known = Known(records=work.records)
    while True:
        head = (yield from ask(ReadHead(work.shard))) or first_head(work, settings)
        now_ms = yield from ask(Now())
        out_of_time = now_ms >= work.deadline_ms - settings.margin_ms
        if out_of_time and not is_reached(head, up_to):
            outcome = progress.outcome(head, first_uncommitted=first_after(head, work))
            return replace(outcome, waits_for=OUT_OF_TIME)
        if head.committed is None:
            head = yield from await_parents(head, work, settings, progress)
        if head.unpublished is not None:
            yield from publish_named(work.shard, head.unpublished)
            continue
        if is_reached(head, up_to):
            return progress.outcome(head)
        if up_to is None and not is_abandoned(head, now_ms=now_ms, settings=settings):
            return replace(progress.outcome(head), waits_for=MAYBE_ALIVE)
        known = yield from follow(head, known, work, settings)
        if not known.records and not known.lost:
            if up_to is None:
                return progress.outcome(head)
            raise OperatingError(
                "nothing to take, and the batch is not committed", shard=head.shard
            )
        made = yield from attempt(head, known, work, settings)
        progress.made.append(made)
        if up_to is not None and made.commit.last >= up_to:
            return progress.outcome(head)


def is_reached(head: Head, up_to: Position | None) -> bool:
    """Return whether success may be answered: everything up to the last record is committed."""
    return up_to is not None and head.committed is not None and head.committed >= up_to


def first_head(work: Take, settings: ProtocolSettings) -> Head:
    """Return the head of a shard that has none yet; an empty revision means it is not written."""
    origin = work.records[0].position if work.records and not settings.from_oldest else None
    return Head(shard=work.shard, revision="", changed_ms=0, origin=origin)


def first_after(head: Head, work: Take) -> Position | None:
    """Return the first position of the batch that is not committed."""
    committed = head.committed
    return next(
        (r.position for r in work.records if committed is None or r.position > committed), None
    )


def await_parents(
    head: Head, work: Take, settings: ProtocolSettings, progress: Progress
) -> Steps[Head]:
    """Return the head with its parents noted, once each of them is at its end and published (I6).

    Keyed on a child without a commit, not on one without a head (T15). A parent that stands still
    is finished here. Raises WaitsForParent.
    """
    listed = yield from ask(ReadLineage())
    parents = parents_of(work.shard, head, listed)
    for parent in parents:
        if any(info.shard == parent for info in listed):
            at_end = yield from finish(parent, work, settings)
        else:
            at_end = yield from finish_unlisted(parent, progress)
        if not at_end:
            raise WaitsForParent(f"the parent {parent} is not at its end yet", shard=work.shard)
    return replace(head, parents=parents)


def finish(parent: ShardId, work: Take, settings: ProtocolSettings) -> Steps[bool]:
    """Bring a parent to its end if nobody works on it, and return whether it is there.

    Under a mapping that started at LATEST, a parent without a head was over before.
    """
    head = yield from ask(ReadHead(parent))
    if head is None and not settings.from_oldest:
        return True
    if head is None or not head.closed or head.unpublished is not None:
        yield from sweep(parent, deadline_ms=work.deadline_ms, settings=settings)
        head = yield from ask(ReadHead(parent))
    return head is not None and head.closed and head.unpublished is None


def finish_unlisted(parent: ShardId, progress: Progress) -> Steps[bool]:
    """Close a parent that left the stream, and return whether it is at its end.

    One without a head was over before this ledger began; the tail of an unclosed one is lost.
    """
    head = yield from ask(ReadHead(parent))
    if head is not None and head.unpublished is not None:
        yield from publish_named(parent, head.unpublished)
        head = yield from ask(ReadHead(parent))
    if head is not None and not head.closed:
        yield from close_shard(head)
        progress.lost_ends += 1
    return True


def retire(shard: ShardId) -> Steps[TakeOutcome]:
    """Finish a shard that the stream lists no more; `lost` says whether its tail went with it."""
    progress = Progress(shard=shard)
    yield from finish_unlisted(shard, progress)
    head = yield from ask(ReadHead(shard))
    return progress.outcome(head or Head(shard=shard, revision="", changed_ms=0))


def close_shard(head: Head) -> Steps[None]:
    """Note that a shard is committed to its end."""
    yield from rewrite(replace(head, closed=True, open_range=None))


def sweep(shard: ShardId, *, deadline_ms: int, settings: ProtocolSettings) -> Steps[TakeOutcome]:
    """Finish what no batch will finish (T5): publish, take what was left, note the shard's end.

    It takes over only where the head stood still and all deadlines were over for one longest run:
    under ordinary lag it must not fence a live worker off.
    """
    now_ms = yield from ask(Now())
    work = Take(shard=shard, records=(), deadline_ms=deadline_ms, until_ms=now_ms)
    head = (yield from ask(ReadHead(shard))) or first_head(work, settings)
    if head.unpublished is not None:
        yield from publish_named(shard, head.unpublished)
        head = (yield from ask(ReadHead(shard))) or head
    outcome = Progress(shard=shard).outcome(head)
    if head.closed:
        return outcome
    ahead = yield from look_ahead(head)
    gone = [] if ahead.records else (yield from ends_of_what_is_gone(head, ahead, settings))
    if ahead.records or gone or head.open_range is not None:
        if not stood_still(head, now_ms=now_ms, settings=settings):
            return replace(outcome, waits_for=MAYBE_ALIVE)
        outcome = yield from take(work, settings)
        head = (yield from ask(ReadHead(shard))) or head
        ahead = yield from look_ahead(head)
    if not ahead.records and head.open_range is None and head.unpublished is None:
        lost_ends = yield from note_the_end(head, ahead, work, settings)
        outcome = replace(outcome, lost=outcome.lost + lost_ends)
    return outcome


def look_ahead(head: Head) -> Steps[Slice]:
    """Read the one record that comes after the head."""
    return (
        yield from ask(
            ReadAfter(shard=head.shard, after=head.committed, origin=head.origin, records_max=1)
        )
    )


def stood_still(head: Head, *, now_ms: int, settings: ProtocolSettings) -> bool:
    """Return whether nobody can be at work on a shard: head and deadlines over by a longest run."""
    is_old = head.changed_ms + settings.run_ms_max < now_ms
    return is_old and is_abandoned(head, now_ms=now_ms, settings=settings)


def is_abandoned(head: Head, *, now_ms: int, settings: ProtocolSettings) -> bool:
    """Return whether all who opened a range are gone by a longest run.

    A sweep asks it of every head that it reads: somebody may have begun since the one before.
    """
    opened = head.open_range.tokens if head.open_range is not None else ()
    return all(token.deadline_ms + settings.run_ms_max < now_ms for token in opened)


def note_the_end(head: Head, ahead: Slice, work: Take, settings: ProtocolSettings) -> Steps[int]:
    """Note in the head that the shard has ended, or, now and then, that the stream is empty.

    An empty stream says nothing of what expired before anybody looked: that all is committed is
    noted only while it is proven, and an end that is not counts as lost. Returns how many did.
    """
    stale_ms = work.until_ms - settings.retention_ms // 4
    proven = is_proven(head, ahead, now_ms=work.until_ms, settings=settings)
    try:
        if ahead.closed:
            lost_ends = int(head.committed is not None and not proven)
            if head.committed is None:
                head = yield from await_parents(head, work, settings, Progress(shard=head.shard))
            yield from close_shard(head)
            return lost_ends
        if ahead.at_tip and proven and (head.settled_ms or 0) < stale_ms:
            yield from rewrite(replace(head, settled_ms=work.until_ms))
    except Refused:
        pass  # somebody works on the shard: then there is nothing to note
    return 0

"""What comes right after the head: a gap before a batch is noticed and filled (T4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record
from pipeline.ledger.effects import Now, ReadAfter, ReadOnFailurePayload
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import Head, Slice
from pipeline.ledger.steps import Steps, ask

NEVER = Position(10**130)
"""Past every position: a Kinesis sequence number has at most 129 digits (API reference)."""

EXPIRED = "expired: no longer in the stream and in no on-failure object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Records that follow one another with nothing between, except the ranges that are lost."""

    records: tuple[Record, ...] = ()
    lost: tuple[LostRange, ...] = ()
    closed: bool = False

    def after(self, committed: Position | None) -> "Known":
        """Return what is left once everything up to a position is committed."""
        if committed is None:
            return self
        return replace(
            self,
            records=tuple(r for r in self.records if r.position > committed),
            lost=tuple(loss for loss in self.lost if loss.last > committed),
        )

    def holds(self, committed: Position | None) -> bool:
        """Return whether what follows a position is known: the position itself is among ours."""
        return any(r.position == committed for r in self.records) or any(
            loss.last == committed for loss in self.lost
        )


def follow(head: Head, known: Known, work: Take, settings: ProtocolSettings) -> Steps[Known]:
    """Return what follows the head: the batch itself, or the gap before it, or what a sweep finds.

    A batch that holds the committed position is adjacent by itself; otherwise one record is read
    after it, because positions are not dense.
    """
    batch = Known(records=work.records)
    for run in (known, batch):
        rest = run.after(head.committed)
        if run.holds(head.committed) and (rest.records or rest.lost):
            return rest
    waiting = batch.after(head.committed).records
    probe = yield from read_after(head, work, records_max=1)
    ahead = probe.records[0].position if probe.records else None
    first = waiting[0].position if waiting else None
    bounds = [position for position in (ahead, first) if position is not None]
    if not bounds:
        bounds = yield from ends_of_what_is_gone(head, probe, settings)
    if not bounds:
        return Known(closed=probe.closed)
    refilled, lost = yield from recover(head, probe, before=min(bounds), settings=settings)
    if ahead is not None and (first is None or ahead < first):
        waiting = yield from read_gap(head, waiting, work, settings)
    return Known(records=(*refilled, *waiting), lost=lost, closed=probe.closed)


def ends_of_what_is_gone(
    head: Head, probe: Slice, settings: ProtocolSettings
) -> Steps[list[Position]]:
    """Return where to look up to when the stream holds nothing after the head.

    An attempt may have opened a range that expired since, or the mapping have discarded a tail that
    did; then no later record will ever show the gap (T5, T14).
    """
    now_ms = yield from ask(Now())
    if is_proven(head, probe, now_ms=now_ms, settings=settings):
        return []
    if head.open_range is not None:
        return [Position(head.open_range.last + 1)]
    batches = yield from ask(
        ReadOnFailurePayload(shard=head.shard, after=head.committed, before=NEVER)
    )
    return [Position(batch[-1].position + 1) for batch in batches[:1]]


def is_proven(head: Head, probe: Slice, *, now_ms: int, settings: ProtocolSettings) -> bool:
    """Return whether nothing that follows the head can have expired.

    So it is while the committed record itself is still in the stream, or while all that is old
    enough to expire is known to be committed.
    """
    oldest_ms = now_ms - settings.retention_ms + settings.clock_skew_ms
    return probe.held or (head.settled_ms is not None and head.settled_ms > oldest_ms)


def read_after(head: Head, work: Take, *, records_max: int) -> Steps[Slice]:
    """Read records after the head."""
    return (
        yield from ask(
            ReadAfter(
                shard=work.shard,
                after=head.committed,
                origin=head.origin,
                records_max=records_max,
            )
        )
    )


def read_gap(
    head: Head, waiting: tuple[Record, ...], work: Take, settings: ProtocolSettings
) -> Steps[tuple[Record, ...]]:
    """Return the records before a batch, and the batch as well once the gap is read to its end."""
    found = yield from read_after(head, work, records_max=settings.gap_records_max)
    if not waiting:
        return tuple(r for r in found.records if r.arrival_ms <= work.until_ms)
    gap = tuple(r for r in found.records if r.position < waiting[0].position)
    complete = len(gap) < len(found.records) or found.at_tip or found.closed
    return (*gap, *waiting) if complete else gap


def recover(
    head: Head, probe: Slice, *, before: Position, settings: ProtocolSettings
) -> Steps[tuple[tuple[Record, ...], tuple[LostRange, ...]]]:
    """Return what expired between the head and a position: from the on-failure objects, else lost.

    Of a shard without a commit nobody knows where it began: its first range or discard says so.
    """
    now_ms = yield from ask(Now())
    proven = is_proven(head, probe, now_ms=now_ms, settings=settings)
    after = head.committed
    if after is None and head.origin is not None:
        after = Position(head.origin - 1)
    if proven or (after is not None and before <= after + 1):
        return (), ()
    batches = yield from ask(ReadOnFailurePayload(shard=head.shard, after=after, before=before))
    records = {
        record.position: record
        for batch in batches
        for record in batch
        if (after is None or record.position > after) and record.position < before
    }
    if after is None:
        after = before_what_is_known(head, batches)
    lost = () if after is None else holes(batches, after=after, before=before)
    return tuple(records[position] for position in sorted(records)), lost


def before_what_is_known(head: Head, batches: Sequence[tuple[Record, ...]]) -> Position | None:
    """Return the position before the first that anybody saw of a shard without a commit."""
    known = [batch[0].position for batch in batches if batch]
    if head.open_range is not None:
        known.append(head.open_range.last)
    return Position(min(known) - 1) if known else None


def holes(
    batches: Sequence[tuple[Record, ...]], *, after: Position, before: Position
) -> tuple[LostRange, ...]:
    """Return the ranges between two positions that no batch covers; each batch is contiguous.

    Positions are not dense, so a range that held nothing may be among them: a loss is rather
    recorded once too often than passed over.
    """
    lost = []
    reached = after
    for batch in sorted((b for b in batches if b), key=lambda b: b[0].position):
        if batch[0].position > reached + 1:
            lost.append((reached + 1, batch[0].position - 1))
        reached = max(reached, batch[-1].position)
    if before > reached + 1:
        lost.append((reached + 1, before - 1))
    return tuple(
        LostRange(first=Position(first), last=Position(last), reason=EXPIRED)
        for first, last in lost
    )

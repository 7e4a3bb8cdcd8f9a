"""One partition of a worker: its buffer, the batch at work, and what is known of its position."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pipeline.consumer.batches import BatchRules, Waiting, due_ms, first_batch, weight_bytes
from pipeline.consumer.health import PartitionView
from pipeline.consumer.trouble import Trouble
from pipeline.core.records import Position, Record, ShardId

Phase = Literal["following", "lost", "locating", "located"]
"""following: what was fetched follows the committed position without a hole.
lost: nothing fetched counts; `locating` asks the ledger, `located` is to be sought."""


class Held(NamedTuple):
    """A fetched record, when that was by the monotonic clock, and how old it was by then."""

    record: Record
    since_ms: int
    lag_ms: int


@dataclass(kw_only=True)
class Partition:
    """The state of one partition; it knows no clock, no stream and no ledger.

    `anchor` is the record right before the buffer: a batch that begins with it shows the protocol
    by itself that nothing was skipped. It is kept whole: were the ledger set back to before it, it
    would be a record like others. `generation` tells assignments apart; `suspect` says that an
    attempt at this partition ended without a word, so that the next one runs alone.
    """

    shard: ShardId
    generation: int
    committed: Position | None = None
    suspect: bool = False
    phase: Phase = "following"
    paused: bool = False
    anchor: Record | None = None
    trouble: Trouble | None = None
    size_bytes: int = 0
    _missed: Held | None = None
    _read_to: Position | None = None
    _held: deque[Held] = field(default_factory=deque)
    _batch: tuple[Held, ...] = ()

    def take_in(self, records: Sequence[Record], *, now_ms: int, wall_ms: int) -> bool:
        """Buffer what follows; return False if the subscription was moved back under us.

        What is committed already is dropped; the committed record itself becomes the anchor. A lost
        partition takes nothing in.
        """
        if self.phase != "following":
            return True
        for record in records:
            if self._read_to is not None and record.position <= self._read_to:
                return False
            self._read_to, self._missed = record.position, None
            lag_ms = max(0, wall_ms - record.arrival_ms)
            self._held.append(Held(record, now_ms, lag_ms))
            self.size_bytes += weight_bytes(record)
        self._drop_committed()
        return True

    def _drop_committed(self) -> None:
        while self._held and self.committed is not None:
            record = self._held[0].record
            if record.position > self.committed:
                break
            self._held.popleft()
            self.size_bytes -= weight_bytes(record)
            self.anchor = record

    @property
    def waiting(self) -> Waiting | None:
        """What waits in the buffer, None if nothing does."""
        if not self._held:
            return None
        first = self._held[0]
        return Waiting(
            records=len(self._held),
            size_bytes=self.size_bytes - sum(weight_bytes(held.record) for held in self._batch),
            since_ms=first.since_ms,
            lag_ms=first.lag_ms,
        )

    def due_ms(self, rules: BatchRules) -> int | None:
        """Return when its next batch is due, None while there is none or one is at work."""
        if self._batch or self.phase != "following":
            return None
        waiting = self.waiting
        return None if waiting is None else due_ms(waiting, rules)

    def next_batch(self, rules: BatchRules) -> tuple[Record, ...]:
        """Take a batch off the buffer's front, the anchor before it."""
        count = first_batch((held.record for held in self._held), rules)
        self._batch = tuple(self._held.popleft() for _ in range(count))
        anchor = () if self.anchor is None else (self.anchor,)
        return (*anchor, *(held.record for held in self._batch))

    def succeeded(self, committed: Position | None) -> None:
        """Go on after a take; what of the batch is not committed waits at the buffer's front.

        A partition that was lost meanwhile stays so: its next batch does not follow this one.
        """
        self.committed = latest(self.committed, committed)
        if self.phase != "following":
            return
        self._held.extendleft(reversed(self._batch))
        self._batch = ()
        self.trouble = None
        self._drop_committed()

    def lose(self, trouble: Trouble) -> None:
        """Forget what was fetched: only the ledger knows now where to go on."""
        self._missed = next(iter(self._oldest()), self._missed)
        self._batch = ()
        self._held.clear()
        self.size_bytes = 0
        self.anchor = None
        self._read_to = None
        self.phase = "lost"
        self.trouble = trouble

    def locate(self, committed: Position | None, *, suspect: bool) -> None:
        """Note what the ledger says; the stream is to be sought there."""
        self.committed = committed
        self.suspect = suspect
        self.phase = "located"
        missed = self._missed
        if missed is not None and committed is not None and missed.record.position <= committed:
            self._missed = None

    def follow(self) -> None:
        """Note that the stream goes on right after the committed position."""
        self.phase = "following"

    @property
    def view(self) -> PartitionView:
        """What health and figures show of it."""
        return PartitionView(
            shard=self.shard,
            committed=self.committed,
            size_bytes=self.size_bytes,
            paused=self.paused,
            held_since_ms=self._held_since_ms,
            arrived_ms=self._arrived_ms,
            trouble=self.trouble.text if self.trouble is not None else None,
        )

    @property
    def _held_since_ms(self) -> int | None:
        since = [held.since_ms for held in self._oldest()]
        if self.trouble is not None and not self.trouble.waits:
            since.append(self.trouble.since_ms)
        return min(since, default=None)

    @property
    def _arrived_ms(self) -> int | None:
        """When the oldest record arrived that was fetched and is not committed, forgotten or not,
        by the monotonic clock."""
        oldest = next(iter(self._oldest()), self._missed)
        return None if oldest is None else oldest.since_ms - oldest.lag_ms

    def _oldest(self) -> Iterable[Held]:
        yield from self._batch[:1]
        if self._held:
            yield self._held[0]


def latest(one: Position | None, other: Position | None) -> Position | None:
    """Return the later of two positions."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)

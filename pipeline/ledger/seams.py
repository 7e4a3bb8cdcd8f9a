"""What the protocol asks of the world: ledger, store, source, core, clock and memory, as types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt, CoreResult
from pipeline.ledger.state import (
    Advance,
    Commit,
    CommitRef,
    Head,
    JournalEntry,
    ShardInfo,
    Slice,
)

if TYPE_CHECKING:
    from pipeline.ledger.steps import Effect

T = TypeVar("T")


class Seen(Protocol):
    """An immutable set of event ids with their arrival times (`pipeline.core.dedupe.SeenIds`)."""

    def with_ids(self, ids: bytes, /) -> Self:
        """Return the set together with one commit's ids object."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmSet:
    """A seen set and the commit after which it is true (T2, I4)."""

    commit: CommitRef
    seen: Seen


class Ledger(Protocol):
    """Heads and commits, strongly consistent. Refused: a condition did not hold. OutcomeUnknown:
    no answer, a conflict or a throttle (T29)."""

    def read_head(self, shard: ShardId, /) -> Head | None:
        """Return the head, None for a shard that nobody has fenced yet."""
        ...

    def write_head(self, head: Head, *, unchanged_since: str | None) -> None:
        """Replace the head if its revision is still this one; None: if there is none."""
        ...

    def commit(self, commit: Commit, advance: Advance, /) -> None:
        """Advance the head and add the commit, both or neither, if the fence still holds."""
        ...

    def put_back(self, commit: Commit, /) -> None:
        """Write a commit that a restored ledger lacks (`pipeline.ledger.restore` alone)."""
        ...

    def mark_published(self, shard: ShardId, ref: CommitRef, *, revision: str, now_ms: int) -> None:
        """Clear `unpublished` if it still names this commit; else change nothing."""
        ...

    def read_commit(self, shard: ShardId, first: Position, /) -> Commit | None:
        """Return the commit that starts at a position."""
        ...

    def commits_since(self, shard: ShardId, *, arrival_ms: int) -> tuple[Commit, ...]:
        """Return the shard's commits with an arrival at or after a time, in order."""
        ...

    def shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a head."""
        ...


class Store(Protocol):
    """Objects: staged bytes and ids, visible files, the journal."""

    def put_staged(self, key: str, body: bytes, /) -> None:
        """Put an object under a key that only this attempt can name."""
        ...

    def get_staged(self, key: str, /) -> bytes:
        """Return a staged object's bytes."""
        ...

    def put_final(self, key: str, body: bytes, *, sha256: str) -> None:
        """Make bytes visible if the key is free. Raises BrokenInvariant if others lie there."""
        ...

    def put_journal(self, commit: Commit, /) -> None:
        """Write the commit's journal entry."""
        ...

    def put_done(self, commit: Commit, *, published_ms: int) -> None:
        """Write the mark that the commit is published (T20)."""
        ...

    def journal(self, shard: ShardId, /) -> tuple[JournalEntry, ...]:
        """Return a shard's journal."""
        ...

    def journaled_shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a journal."""
        ...

    def done_ms(self, commit: Commit, /) -> int | None:
        """Return when the commit was published, None if it was not."""
        ...


class Source(Protocol):
    """A stream that can be read by position."""

    def shards(self) -> tuple[ShardInfo, ...]:
        """Return every shard that the stream still lists, closed ones included."""
        ...

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        """Return up to so many records after a position, or from the origin when it is None."""
        ...

    def on_failure(
        self, shard: ShardId, *, after: Position | None, before: Position
    ) -> tuple[tuple[Record, ...], ...]:
        """Return the discarded batches of a range, each contiguous, from the on-failure objects."""
        ...


class Core(Protocol):
    """The pure core over one range; `masked` positions go to quarantine without being decoded."""

    def __call__(
        self,
        records: tuple[Record, ...],
        *,
        masked: frozenset[Position],
        lost: tuple[LostRange, ...],
        attempt: Attempt,
        seen: Seen,
    ) -> CoreResult:
        """Return the range's files, ids and counts as bytes."""
        ...


class World(Protocol):
    """Everything that an effect may touch."""

    @property
    def ledger(self) -> Ledger:
        """Heads and commits."""
        ...

    @property
    def store(self) -> Store:
        """Objects."""
        ...

    @property
    def source(self) -> Source:
        """The stream."""
        ...

    @property
    def core(self) -> Core:
        """The pure core."""
        ...

    def now_ms(self) -> int:
        """Return the worker's clock, in milliseconds since the epoch."""
        ...

    def new_token(self) -> str:
        """Return a token that nobody else ever draws."""
        ...

    def recall(self, shard: ShardId, /) -> WarmSet | None:
        """Return the seen set that this process kept for a shard."""
        ...

    def remember(self, shard: ShardId, warm: WarmSet, /) -> None:
        """Keep a seen set; only a commit may call this (T1)."""
        ...

    def together(self, effects: "Sequence[Effect[T]]", /) -> tuple[T, ...]:
        """Perform independent effects, at once if it can, and return when all have ended."""
        ...

"""The effects that the protocol yields: values that say what to do, and know which seam does it."""

from dataclasses import dataclass

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt, CoreResult
from pipeline.ledger.seams import Seen, WarmSet, World
from pipeline.ledger.state import (
    Advance,
    Commit,
    CommitRef,
    Head,
    JournalEntry,
    ShardInfo,
    Slice,
)
from pipeline.ledger.steps import Effect


@dataclass(frozen=True, slots=True)
class Now(Effect[int]):
    """The worker's clock, in milliseconds; the dedupe window never looks at it (T26)."""

    def perform(self, world: World) -> int:
        """Read the clock."""
        return world.now_ms()


@dataclass(frozen=True, slots=True)
class NewToken(Effect[str]):
    """A fresh random token (T9, T21: a counter would come again after a restore)."""

    def perform(self, world: World) -> str:
        """Draw it."""
        return world.new_token()


@dataclass(frozen=True, slots=True)
class ReadHead(Effect[Head | None]):
    """The head of a shard, strongly consistent."""

    shard: ShardId

    def perform(self, world: World) -> Head | None:
        """Read it."""
        return world.ledger.read_head(self.shard)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteHead(Effect[None]):
    """Replace the head if it is unchanged since it was read."""

    head: Head
    unchanged_since: str | None

    def perform(self, world: World) -> None:
        """Write it."""
        world.ledger.write_head(self.head, unchanged_since=self.unchanged_since)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTransaction(Effect[None]):
    """The one transaction: head and commit, both or neither, under the fence."""

    commit: Commit
    advance: Advance

    def perform(self, world: World) -> None:
        """Commit."""
        world.ledger.commit(self.commit, self.advance)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPublished(Effect[None]):
    """Say in the head that a commit is published."""

    shard: ShardId
    ref: CommitRef
    revision: str
    now_ms: int

    def perform(self, world: World) -> None:
        """Write it."""
        world.ledger.mark_published(
            self.shard, self.ref, revision=self.revision, now_ms=self.now_ms
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCommit(Effect[Commit | None]):
    """The commit that starts at a position."""

    shard: ShardId
    first: Position

    def perform(self, world: World) -> Commit | None:
        """Read it."""
        return world.ledger.read_commit(self.shard, self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCommits(Effect[tuple[Commit, ...]]):
    """A shard's commits with an arrival at or after a time."""

    shard: ShardId
    arrival_ms: int

    def perform(self, world: World) -> tuple[Commit, ...]:
        """Read them."""
        return world.ledger.commits_since(self.shard, arrival_ms=self.arrival_ms)


@dataclass(frozen=True, slots=True)
class ReadLineage(Effect[tuple[ShardInfo, ...]]):
    """The shards that the stream lists, with their parents."""

    def perform(self, world: World) -> tuple[ShardInfo, ...]:
        """List them."""
        return world.source.shards()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAfter(Effect[Slice]):
    """Records after a position: one to see what comes next, many to fill a gap."""

    shard: ShardId
    after: Position | None
    origin: Position | None
    records_max: int

    def perform(self, world: World) -> Slice:
        """Read them."""
        return world.source.read_after(
            self.shard, after=self.after, origin=self.origin, records_max=self.records_max
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnFailurePayload(Effect[tuple[tuple[Record, ...], ...]]):
    """Discarded batches between two positions, both exclusive."""

    shard: ShardId
    after: Position | None
    before: Position

    def perform(self, world: World) -> tuple[tuple[Record, ...], ...]:
        """Look them up."""
        return world.source.on_failure(self.shard, after=self.after, before=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCore(Effect[CoreResult]):
    """The pure core over one range. It is an effect because it is where a process may die."""

    records: tuple[Record, ...]
    masked: frozenset[Position]
    lost: tuple[LostRange, ...]
    attempt: Attempt
    seen: Seen

    def perform(self, world: World) -> CoreResult:
        """Run it."""
        return world.core(
            self.records,
            masked=self.masked,
            lost=self.lost,
            attempt=self.attempt,
            seen=self.seen,
        )


@dataclass(frozen=True, slots=True)
class Recall(Effect[WarmSet | None]):
    """The seen set that this process kept after its last commit to a shard."""

    shard: ShardId

    def perform(self, world: World) -> WarmSet | None:
        """Return it."""
        return world.recall(self.shard)


@dataclass(frozen=True, slots=True)
class Remember(Effect[None]):
    """Keep a seen set, tagged with the commit that made it true."""

    shard: ShardId
    warm: WarmSet

    def perform(self, world: World) -> None:
        """Keep it."""
        world.remember(self.shard, self.warm)


@dataclass(frozen=True, slots=True)
class PutStaged(Effect[None]):
    """Bytes under a hidden key of this attempt."""

    key: str
    body: bytes

    def perform(self, world: World) -> None:
        """Put them."""
        world.store.put_staged(self.key, self.body)


@dataclass(frozen=True, slots=True)
class GetStaged(Effect[bytes]):
    """The bytes of a staged object."""

    key: str

    def perform(self, world: World) -> bytes:
        """Get them."""
        return world.store.get_staged(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFinalIfAbsent(Effect[None]):
    """Bytes under their visible key, never over others (I2)."""

    key: str
    body: bytes
    sha256: str

    def perform(self, world: World) -> None:
        """Put them."""
        world.store.put_final(self.key, self.body, sha256=self.sha256)


@dataclass(frozen=True, slots=True)
class PutJournal(Effect[None]):
    """The commit's journal entry, from which a lost ledger is rebuilt."""

    commit: Commit

    def perform(self, world: World) -> None:
        """Put it."""
        world.store.put_journal(self.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDone(Effect[None]):
    """The mark that a commit is published; it decides, not the head (T20)."""

    commit: Commit
    published_ms: int

    def perform(self, world: World) -> None:
        """Put it."""
        world.store.put_done(self.commit, published_ms=self.published_ms)


@dataclass(frozen=True, slots=True)
class ReadDone(Effect[int | None]):
    """When a commit was published, None if it was not."""

    commit: Commit

    def perform(self, world: World) -> int | None:
        """Read it."""
        return world.store.done_ms(self.commit)


@dataclass(frozen=True, slots=True)
class ReadJournal(Effect[tuple[JournalEntry, ...]]):
    """All that the journal says of a shard."""

    shard: ShardId

    def perform(self, world: World) -> tuple[JournalEntry, ...]:
        """Read it."""
        return world.store.journal(self.shard)


@dataclass(frozen=True, slots=True)
class PutBack(Effect[None]):
    """A commit that a restored ledger lacks."""

    commit: Commit

    def perform(self, world: World) -> None:
        """Write it."""
        world.ledger.put_back(self.commit)

"""The ledger's values: what a head and a commit say, and what a take answers (protocol.md, 2)."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Counts

Phase = Literal["unknown", "core", "storage"]
"""What an attempt was doing when it last wrote the head. Only a death in the core, or at a moment
nobody noted, makes a record a suspect: a stalled S3 that ends in a time-out is no poison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenToken:
    """An attempt that has not ended with a word. After `deadline_ms` its process is surely gone."""

    token: str
    deadline_ms: int
    phase: Phase = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRange:
    """The range that the latest attempts work on: `count` records up to `last`."""

    last: Position
    count: int
    tokens: tuple[OpenToken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRef:
    """Which commit: a shard has at most one for each `first` (I2)."""

    first: Position
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a shard stands.

    `revision` is a random token that every write replaces: "unchanged since read" compares it.
    `origin` is the first position to read, None for the oldest record there is; without it a gap
    before the first commit would fetch all history. `parents` outlive their place in ListShards.
    `limit` and `suspect_last` belong to `pipeline.ledger.isolation`. Everything that arrived before
    `settled_ms` is committed. Times are milliseconds since the epoch.
    """

    shard: ShardId
    revision: str
    changed_ms: int
    parents: tuple[ShardId, ...] = ()
    origin: Position | None = None
    committed: Position | None = None
    last_commit: CommitRef | None = None
    fence: str | None = None
    open_range: OpenRange | None = None
    limit: int | None = None
    suspect_last: Position | None = None
    masks_in_a_row: int = 0
    unpublished: CommitRef | None = None
    closed: bool = False
    settled_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """One file of a commit: where its bytes lie hidden, where they become visible."""

    table: str
    staged_key: str
    final_key: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One committed range and everything needed to publish it again (I2)."""

    shard: ShardId
    first: Position
    last: Position
    token: str
    files: tuple[StagedFile, ...]
    ids_key: str | None
    counts: Counts
    arrival_ms_max: int
    committed_ms: int

    @property
    def ref(self) -> CommitRef:
        """The commit's name within its shard."""
        return CommitRef(first=self.first, token=self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A commit as the journal has it; `published_ms` is None until its `.done` mark is written."""

    commit: Commit
    published_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The head's half of the transaction: it closes the open range and names the commit."""

    shard: ShardId
    fence: str
    revision: str
    changed_ms: int
    limit: int | None
    suspect_last: Position | None
    masks_in_a_row: int
    settled_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardInfo:
    """A shard as the stream lists it; a merge leaves two parents."""

    shard: ShardId
    parents: tuple[ShardId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Records read after a position, in order.

    `at_tip`: nothing newer was there. `closed`: the shard has ended and this is its end. `held`:
    the record at the position itself is still there, so nothing after it can have expired.
    """

    records: tuple[Record, ...] = ()
    at_tip: bool = False
    closed: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOutcome:
    """What a take did.

    `first_uncommitted` is where to go on, None when all of it is committed (I5). `waits_for` says
    why a sweep left the shard alone.
    `masked` counts records that went to quarantine undecoded, `lost` ranges that are gone, of them
    `lost_ends` tails of parents that left the stream. `commits` are those that this take made and
    published.
    """

    shard: ShardId
    committed: Position | None = None
    first_uncommitted: Position | None = None
    counts: Counts = field(default_factory=Counts)
    commits: tuple[CommitRef, ...] = ()
    masked: int = 0
    lost: int = 0
    lost_ends: int = 0
    published_ms: int | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredShard:
    """What a restore did to a shard: from where to where, and how many commits were lacking.

    `unpublished` says that a commit is still to be published: by the next batch, or the sweeper.
    """

    shard: ShardId
    started: Position | None
    committed: Position | None
    put_back: int
    unpublished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """Where a shard stands, as `status` and `drain` show it.

    `waiting` is the first position that nobody has committed, `waiting_since_ms` when that record
    arrived and `lag_ms` its age, 0 at the tip. A shard is drained when nothing waits, is open or is
    unpublished.
    """

    shard: ShardId
    committed: Position | None
    waiting: Position | None
    waiting_since_ms: int | None
    lag_ms: int
    unpublished: bool
    open: bool
    closed: bool

    @property
    def drained(self) -> bool:
        """Whether nothing is left to do on this shard."""
        return self.waiting is None and not self.unpublished and not self.open


def add_counts(one: Counts, other: Counts) -> Counts:
    """Return the counts of two commits together."""
    reasons = dict(one.quarantined_by_reason)
    for reason, count in other.quarantined_by_reason.items():
        reasons[reason] = reasons.get(reason, 0) + count
    return Counts(
        records=one.records + other.records,
        received=one.received + other.received,
        stored=one.stored + other.stored,
        duplicates=one.duplicates + other.duplicates,
        quarantined=one.quarantined + other.quarantined,
        quarantined_by_reason=reasons,
    )

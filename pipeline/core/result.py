"""What the core makes of a batch: files as bytes, the ids it now knows, and counts that add up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.core.records import Position, ShardId
from pipeline.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Which attempt at which range the core works for; the file footers carry all of it."""

    shard: ShardId
    first: Position
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFile:
    """One encoded Parquet file. `final_key` is its visible key; staged under the attempt's own."""

    table: str
    final_key: str
    body: bytes
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Events of a commit, by fate. received = stored + duplicates + quarantined, always."""

    records: int = 0
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a business metric says of a commit's stored events, under `dimensions` of its own.

    `times_ms` (since the epoch) count by their age when the commit's files become visible; they
    stand in the place of `values`.
    """

    metric: Metric
    values: tuple[float, ...] = ()
    times_ms: tuple[int, ...] = ()
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreResult:
    """The whole effect of a range.

    `last` is the last record that was taken in: the core stops early, after at least one record,
    when more would span over 16 partitions or decode to more bytes than its limit. `ids` is the
    object that goes beside the commit (read back by `SeenIds`), b"" when the range taught no id.
    """

    last: Position
    files: tuple[LakeFile, ...]
    ids: bytes
    counts: Counts
    arrival_ms_max: int
    measured: tuple[Measured, ...] = ()

"""What the protocol is told: its bounds, and the work of one take."""

from dataclasses import dataclass

from pipeline.core.records import Record, ShardId
from pipeline.core.units import DAY_MS, MINUTE_MS
from pipeline.ledger.seams import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """Bounds of the protocol; times in milliseconds.

    `window_ms` is the dedupe window by arrival time (T26) and `empty_seen` a seen set of that
    window. `run_ms_max` is the longest life of a run: past it, its process is gone. A take starts
    no new range in the last `margin_ms` before its deadline. `retention_ms` may be too small but
    never too large: Kinesis keeps records at least 24 hours. `from_oldest` is false for a mapping
    that starts at LATEST: then what was delivered first is where a shard begins. `known_good` is a
    record that the core must survive before another one is masked.
    """

    window_ms: int
    run_ms_max: int
    empty_seen: Seen
    margin_ms: int = 2_000
    retention_ms: int = DAY_MS
    clock_skew_ms: int = MINUTE_MS
    masks_in_a_row_max: int = 3
    gap_records_max: int = 1_000
    from_oldest: bool = True
    known_good: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One batch to take: contiguous records of a shard, in order.

    Without records it is a sweep: it takes what the stream holds and arrived by `until_ms`.
    `deadline_ms` is when the run is over for certain.
    """

    shard: ShardId
    records: tuple[Record, ...]
    deadline_ms: int
    until_ms: int

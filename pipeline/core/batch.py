"""What the core is given: a range of records, which of them are masked or lost, and the limits."""

from dataclasses import dataclass

from pipeline.core.records import Position, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRange:
    """Positions that nobody can give back; `reason` is the cause, such as "expired".

    `arrival_ms` says about when, if anyone knows: it places the row in quarantine's partitions.
    """

    first: Position
    last: Position
    reason: str
    arrival_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records of one shard in their order; `masked` ones are quarantined without being decoded."""

    records: tuple[Record, ...]
    masked: frozenset[Position] = frozenset()
    lost: tuple[LostRange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one commit, so that any batch is processed in bounded memory.

    A commit ends before the record that would cross one of the first three. A single record that
    crosses `decoded_bytes_max` or `events_max` alone is quarantined whole; the events of one that
    spans more than `record_partitions_max` partitions are quarantined beyond that number.

    With the defaults a batch needs at most about 200 MB on top of the interpreter and the seen ids
    (`tests/performance/bench_core.py --memory`), so a function of 512 MB holds it.
    """

    partitions_max: int = 16
    decoded_bytes_max: int = 16 * 1024 * 1024
    events_max: int = 131_072
    record_partitions_max: int = 64

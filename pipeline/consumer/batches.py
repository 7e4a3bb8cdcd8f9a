"""When a batch is due and how much of the buffer it takes: by bytes, count and age."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pipeline.core.records import Record

PATIENCE: Final = 10
"""A batch waits for more at most a tenth of what its oldest record has waited already: nobody feels
it, and under a backlog batches grow to their maximum."""

RECORD_BYTES: Final = 400
"""What a waiting record takes in memory beside its data and its key: 280 to 370 bytes by
tracemalloc, on Python 3.11, and the allocator's rest. Without it records of a few bytes, or of
none, would fill the memory and not the buffer."""


def weight_bytes(record: Record) -> int:
    """Return what a record takes of the buffer and of a batch."""
    return RECORD_BYTES + len(record.partition_key) + len(record.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRules:
    """The bounds of a batch, by its records' weight; an idle stream's leaves after `age_ms`."""

    bytes_max: int
    records_max: int
    age_ms: int
    age_ms_max: int

    def within(self, bytes_held_max: int) -> "BatchRules":
        """Return the rules for a partition that may hold so much: one batch at work, one to come.

        The other half is what is fetched while the first half is processed.
        """
        return replace(self, bytes_max=max(1, min(self.bytes_max, bytes_held_max // 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits in a partition's buffer.

    `since_ms` is when its first record was fetched, by the monotonic clock, and `lag_ms` how old
    that record was by then.
    """

    records: int
    size_bytes: int
    since_ms: int
    lag_ms: int


def due_ms(waiting: Waiting, rules: BatchRules) -> int:
    """Return when a batch of what waits is due, by the monotonic clock; full ones are at once."""
    if waiting.size_bytes >= rules.bytes_max or waiting.records >= rules.records_max:
        return waiting.since_ms
    patience_ms = min(waiting.lag_ms // PATIENCE, rules.age_ms_max)
    return waiting.since_ms + max(rules.age_ms, patience_ms)


def first_batch(records: Iterable[Record], rules: BatchRules) -> int:
    """Return how many records from the front make a batch: at least one, if there is one."""
    count = size = 0
    for record in records:
        size += weight_bytes(record)
        if count and (size > rules.bytes_max or count >= rules.records_max):
            break
        count += 1
    return count

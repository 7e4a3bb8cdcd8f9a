"""How far a topic is ahead, by the ledger's positions and by nothing that a worker would feel."""

import pytest

from pipeline import metrics
from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import Head, ShardInfo, Slice
from pipeline.testing.memory import MemoryLedger
from pipeline.watcher.lag import behind

A, B = ShardId("t-0"), ShardId("t-1")


class Topic:
    """A topic of two partitions with records at positions from 0 on."""

    def __init__(self, **held: int) -> None:
        self.held = {ShardId(f"t-{name[1:]}"): count for name, count in held.items()}

    def shards(self) -> tuple[ShardInfo, ...]:
        return tuple(ShardInfo(shard=shard) for shard in self.held)

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int:
        if self.held[shard] < 0:
            raise OperatingError("no leader", shard=shard)
        return self.held[shard] - (0 if after is None else after + 1)

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        raise AssertionError("the lag is asked for, not read")

    def on_failure(
        self, shard: ShardId, *, after: Position | None, before: Position
    ) -> tuple[tuple[Record, ...], ...]:
        raise AssertionError("nothing failed")

    def close(self) -> None:
        """Hold nothing."""


def ledger(committed: Position | None) -> MemoryLedger:
    made = MemoryLedger()
    head = Head(shard=A, revision="1", changed_ms=0, committed=committed)
    made.write_head(head, unchanged_since=None)
    return made


def test_what_follows_the_ledgers_positions_is_counted_over_all_partitions() -> None:
    found = behind(Topic(p0=10, p1=5), ledger(Position(6)))
    assert found.values == {metrics.STREAM_LAG: 3 + 5}
    assert found.properties == {"lags": {A: 3, B: 5}}


def test_a_partition_that_nothing_was_committed_of_counts_whole() -> None:
    assert behind(Topic(p0=10, p1=0), ledger(None)).values == {metrics.STREAM_LAG: 10}


def test_a_sum_that_lacks_a_partition_is_not_told() -> None:
    with pytest.raises(OperatingError, match="no leader"):
        behind(Topic(p0=10, p1=-1), ledger(None))

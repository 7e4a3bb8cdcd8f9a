"""A stream in memory that expires, discards, splits and merges on command, and a manual clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.core.records import Position, Record, ShardId
from pipeline.ledger.state import ShardInfo, Slice


@dataclass
class ManualClock:
    """A clock that stands still until it is told otherwise; milliseconds since the epoch."""

    ms: int = 1_767_225_600_000

    def __call__(self) -> int:
        """Return the time."""
        return self.ms

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self.ms += ms


@dataclass
class ScriptedShard:
    """One shard: what it holds, what it ever held, and whether it has ended."""

    parents: tuple[ShardId, ...] = ()
    produced: list[Record] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    discards: list[tuple[Record, ...]] = field(default_factory=list)
    closed: bool = False
    listed: bool = True


class ScriptedStream:
    """A source whose records a test writes.

    Delivery: whatever the test delivers; every read is by position.
    Order: by position within a shard, in steps of `step`, so that positions are not dense.
    Resume: after any position that has not expired.
    """

    def __init__(self, clock: ManualClock, *, step: int = 3) -> None:
        self._clock = clock
        self._step = step
        self._next = 10
        self.shards_by_id: dict[ShardId, ScriptedShard] = {}

    def open(self, name: str, *, parents: Sequence[str] = ()) -> ShardId:
        """Open a shard; its parents end."""
        shard = ShardId(name)
        self.shards_by_id[shard] = ScriptedShard(parents=tuple(ShardId(p) for p in parents))
        for parent in parents:
            self.shards_by_id[ShardId(parent)].closed = True
        return shard

    def put(self, shard: ShardId, *texts: str, key: str = "k") -> tuple[Record, ...]:
        """Put one record a text, arriving now."""
        put = []
        for text in texts:
            self._next += self._step
            record = Record(
                position=Position(self._next),
                partition_key=key,
                arrival_ms=self._clock(),
                data=text.encode(),
            )
            self.shards_by_id[shard].produced.append(record)
            self.shards_by_id[shard].records.append(record)
            put.append(record)
        return tuple(put)

    def expire(self, shard: ShardId, *, up_to: Position) -> None:
        """Let a shard's oldest records go."""
        held = self.shards_by_id[shard]
        held.records = [record for record in held.records if record.position > up_to]

    def discard(self, shard: ShardId, records: Sequence[Record]) -> None:
        """Let the mapping give up a batch; its on-failure object keeps the payload."""
        self.shards_by_id[shard].discards.append(tuple(records))

    def shards(self) -> tuple[ShardInfo, ...]:
        """Return the shards that are still listed."""
        return tuple(
            ShardInfo(shard=name, parents=shard.parents)
            for name, shard in self.shards_by_id.items()
            if shard.listed
        )

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        """Return up to so many records after a position, or from the origin when it is None."""
        held = self.shards_by_id[shard]
        start = after if after is not None else (origin or 0) - 1
        found = tuple(record for record in held.records if record.position > start)
        read = found[:records_max]
        at_end = len(read) == len(found) and len(read) < records_max
        return Slice(
            records=read,
            at_tip=at_end,
            closed=at_end and held.closed,
            held=any(record.position == after for record in held.records),
        )

    def on_failure(
        self, shard: ShardId, *, after: Position | None, before: Position
    ) -> tuple[tuple[Record, ...], ...]:
        """Return the discarded batches that lie between two positions."""
        return tuple(
            batch
            for batch in self.shards_by_id[shard].discards
            if batch[0].position < before and (after is None or batch[-1].position > after)
        )

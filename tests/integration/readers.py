"""A worker reduced to its part in a topic, on a broker of either kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.subscription import Subscription
from tests.waiting import until


@dataclass(kw_only=True)
class Reader:
    """It keeps what it is given, partition by partition, and tells what it heard in order."""

    subscription: Subscription
    after: dict[ShardId, Position] = field(default_factory=dict)
    settles: bool = False
    on_revoked: Callable[[ShardId], None] = lambda shard: None
    held: set[ShardId] = field(default_factory=set)
    heard: list[tuple[str, tuple[ShardId, ...]]] = field(default_factory=list)
    records: dict[ShardId, list[Record]] = field(default_factory=dict)
    troubles: list[OperatingError] = field(default_factory=list)

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        self.heard.append(("assigned", shards))
        assert not self.held & set(shards)
        self.held |= set(shards)
        return {shard: self.after.get(shard) for shard in shards}

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        self.heard.append(("revoked", shards))
        assert self.held >= set(shards)
        for shard in shards:
            self.on_revoked(shard)
        self.held -= set(shards)

    def poll(self, seconds_max: float = 0.1) -> None:
        try:
            polled = self.subscription.poll(self, seconds_max=seconds_max)
        except OperatingError as trouble:
            self.troubles.append(trouble)
            return
        for shard, records in polled.items():
            assert shard in self.held, "records of a partition that is not held"
            self.records.setdefault(shard, []).extend(records)
            self.after[shard] = records[-1].position
            if self.settles:
                self.subscription.settle(shard, committed=records[-1].position)

    def values(self, shard: ShardId) -> list[bytes]:
        return [record.data for record in self.records.get(shard, [])]

    def positions(self, shard: ShardId) -> list[int]:
        return [record.position for record in self.records.get(shard, [])]


def poll_until(condition: Callable[[], object], *readers: Reader, seconds_max: float = 60) -> None:
    """Poll the readers in turn until a condition holds."""

    def poll() -> None:
        for reader in readers:
            reader.poll()

    until(
        condition,
        seconds_max=seconds_max,
        what=lambda: [reader.troubles[-3:] for reader in readers],
        meanwhile=poll,
    )

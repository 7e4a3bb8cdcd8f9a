"""A worker's part in a scripted stream: who has which partition, and what goes wrong."""

from collections import Counter, deque
from collections.abc import Callable, Mapping

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.subscription import Listener
from pipeline.testing.account import Violation
from pipeline.testing.stream import ScriptedStream


class ScriptedSubscription:
    """A subscription whose partitions come, go and jump on command.

    Delivery: at least once; after an assignment or a seek it skips or repeats what it is told to.
    Order: by position within a partition.
    Resume: after the position that the listener or a seek names.
    """

    def __init__(self, stream: ScriptedStream, *, records_max: int = 100) -> None:
        self._stream = stream
        self._records_max = records_max
        self._coming: deque[Callable[[Listener], None]] = deque()
        self._after: dict[ShardId, Position | None] = {}
        self._skips: Counter[ShardId] = Counter()
        self.paused: set[ShardId] = set()
        self.settled: dict[ShardId, Position] = {}
        self.sought: list[tuple[ShardId, Position | None]] = []
        self.trouble: OperatingError | None = None
        self.skips_after_seek = 0
        self.repeats_after_seek = 0
        self.closed = False

    def assign(self, *shards: ShardId) -> None:
        """Give partitions to this worker, with its next poll."""

        def tell(listener: Listener) -> None:
            for shard, after in listener.assigned(shards).items():
                self._begin(shard, after)

        self._coming.append(tell)

    def revoke(self, *shards: ShardId) -> None:
        """Take partitions away, with its next poll."""

        def tell(listener: Listener) -> None:
            listener.revoked(shards)
            for shard in shards:
                del self._after[shard]
                self.paused.discard(shard)

        self._coming.append(tell)

    def move_back(self, shard: ShardId) -> None:
        """Let somebody reset the subscription to the partition's oldest record."""
        self._after[shard] = None

    def poll(
        self, listener: Listener, /, *, seconds_max: float
    ) -> Mapping[ShardId, tuple[Record, ...]]:
        """Return the next records of every partition. Raises the trouble that the test set."""
        if seconds_max < 0:
            raise Violation("a poll never waits for less than nothing")
        if self.trouble is not None:
            raise self.trouble
        while self._coming:
            self._coming.popleft()(listener)
        return {
            shard: records
            for shard in self._after
            if shard not in self.paused and (records := self._read(shard))
        }

    def _read(self, shard: ShardId) -> tuple[Record, ...]:
        skipped, self._skips[shard] = self._skips[shard], 0
        found = self._stream.read_after(
            shard, after=self._after[shard], origin=None, records_max=self._records_max + skipped
        ).records[skipped:]
        if found:
            self._after[shard] = found[-1].position
        return found

    def _begin(self, shard: ShardId, after: Position | None) -> None:
        """Go on after a position, with as many records skipped or repeated as the test wants."""
        self._skips[shard] = self.skips_after_seek
        if self.repeats_after_seek and after is not None:
            held = self._stream.read_after(shard, after=None, origin=None, records_max=1_000_000)
            before = [r.position for r in held.records if r.position <= after]
            after = ([None, *before])[max(0, len(before) - self.repeats_after_seek)]
        self._after[shard] = after

    def seek(self, shard: ShardId, /, *, after: Position | None) -> None:
        """Go on after a position."""
        self.sought.append((shard, after))
        self._begin(shard, after)

    def pause(self, shard: ShardId, /) -> None:
        """Fetch nothing more of a partition."""
        self.paused.add(shard)

    def resume(self, shard: ShardId, /) -> None:
        """Fetch again."""
        self.paused.discard(shard)

    def settle(self, shard: ShardId, /, *, committed: Position) -> None:
        """Keep what was acknowledged, for the test to see."""
        self.settled[shard] = committed

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int | None:
        """Return how many records come after a position."""
        rest = self._stream.read_after(shard, after=after, origin=None, records_max=1_000_000)
        return len(rest.records)

    def close(self) -> None:
        """Leave."""
        self.closed = True

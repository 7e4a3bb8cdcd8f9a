"""What a stream gives a long-running worker: partitions that come and go, and their records."""

from collections.abc import Mapping
from typing import Protocol

from pipeline.core.records import Position, Record, ShardId


class Listener(Protocol):
    """Who is told, on the polling thread, that partitions come and go."""

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        """Take partitions on; return after which position each is read, None from its oldest."""
        ...

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        """Let partitions go: on return nobody here works on them, so that another worker may."""
        ...


class Subscription(Protocol):
    """A worker's part in a stream. All but `settle` and `lag` belong to the polling thread.

    Delivery: at least once. Between two polls without a `seek` no record of a partition is skipped;
    the first records after an assignment or a seek may repeat earlier ones, and what they skip is
    found by the protocol, which reads the stream by position (protocol.md, 2).
    Order: by position within a partition.
    Resume: after the position that `Listener.assigned` or `seek` names; what the broker remembers
    of acknowledgements is never asked.
    """

    def poll(
        self, listener: Listener, /, *, seconds_max: float
    ) -> Mapping[ShardId, tuple[Record, ...]]:
        """Return what came in on partitions that are assigned and not paused, maybe nothing.

        The listener hears of partitions before their records, and of no record after they went.
        Raises OperatingError when the stream cannot be reached: the next poll tries again.
        """
        ...

    def seek(self, shard: ShardId, /, *, after: Position | None) -> None:
        """Go on after a position, None from the oldest; forget what was fetched ahead."""
        ...

    def pause(self, shard: ShardId, /) -> None:
        """Fetch nothing more of a partition, and keep it; what was fetched is not lost."""
        ...

    def resume(self, shard: ShardId, /) -> None:
        """Fetch again, right after the last record that a poll returned."""
        ...

    def settle(self, shard: ShardId, /, *, committed: Position) -> None:
        """Acknowledge to the broker what the ledger has committed; never ahead of it.

        Nothing depends on it but the broker's own figures and what it may delete.
        """
        ...

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int | None:
        """Return how many records the broker holds after a position; None if it tells no number.

        Raises OperatingError when it does not answer.
        """
        ...

    def close(self) -> None:
        """Leave, so that other workers get the partitions at once; tells no listener."""
        ...

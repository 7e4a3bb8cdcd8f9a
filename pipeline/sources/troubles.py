"""Trouble of single partitions, which their neighbours' records must not drown."""

from typing import Final

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError

TELL_SECONDS: Final = 5.0
"""How long trouble may go untold while other partitions bring records."""


class Troubles:
    """What partitions met when they were last read; times are seconds of a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._by_shard: dict[ShardId, OperatingError] = {}
        self._told_at = now

    def note(self, shard: ShardId, error: OperatingError) -> None:
        """Keep what a partition met."""
        self._by_shard[shard] = error

    def forget(self, shard: ShardId) -> None:
        """Forget the trouble of a partition that was read, or went."""
        self._by_shard.pop(shard, None)

    def tell(self, now: float) -> None:
        """Tell of one partition, and of another one next time. Raises OperatingError."""
        for shard in self._by_shard:
            self._told_at = now
            raise self._by_shard.pop(shard)

    def tell_in_time(self, now: float) -> None:
        """Tell if nothing was told for long, before anything is fetched that would be lost by it.

        Raises OperatingError.
        """
        if now - self._told_at > TELL_SECONDS:
            self.tell(now)

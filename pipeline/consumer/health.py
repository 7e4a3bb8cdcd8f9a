"""Whether a worker is well: by its oldest unprocessed record, and by the broker's last answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.core.records import Position, ShardId


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionView:
    """A partition as the polling thread saw it.

    `held_since_ms` is since when its oldest fetched record waits, or its trouble lasts, and
    `arrived_ms` when that record came to the stream; both by the monotonic clock.
    """

    shard: ShardId
    committed: Position | None
    size_bytes: int
    paused: bool
    held_since_ms: int | None
    arrived_ms: int | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A worker at one moment of the monotonic clock, and when the broker last answered it."""

    taken_ms: int
    answered_ms: int
    partitions: tuple[PartitionView, ...] = ()

    @property
    def oldest_since_ms(self) -> int:
        """Since when the oldest record waits that was fetched; the moment itself if none does."""
        since = (p.held_since_ms for p in self.partitions if p.held_since_ms is not None)
        return min(since, default=self.taken_ms)

    @property
    def event_age_ms(self) -> int:
        """How old the oldest event is that was fetched and is not committed; 0 if there is none."""
        arrived = (p.arrived_ms for p in self.partitions if p.arrived_ms is not None)
        return max(0, self.taken_ms - min(arrived, default=self.taken_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """How long a fetched record may wait, and how long the broker may be silent, in ms.

    A record's wait begins when it is fetched, not when it arrived at the stream: a worker that
    works a long backlog off is well, and nobody should restart it. How old its oldest event is, is
    told and not judged.
    """

    age_ms_max: int
    silence_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The verdict, and what it rests on as a JSON document."""

    healthy: bool
    document: Mapping[str, Any]


def judge(snapshot: Snapshot, rules: HealthRules, *, now_ms: int) -> Health:
    """Return whether the worker is well; a polling thread that hangs counts as silence."""
    silence_ms = now_ms - snapshot.answered_ms
    age_ms = now_ms - snapshot.oldest_since_ms if snapshot.partitions else 0
    reasons = []
    if age_ms > rules.age_ms_max:
        reasons.append(f"a record waits for {age_ms // 1000} s, over {rules.age_ms_max // 1000} s")
    if silence_ms > rules.silence_ms_max:
        most = rules.silence_ms_max // 1000
        reasons.append(f"no answer of the stream for {silence_ms // 1000} s, over {most} s")
    return Health(
        healthy=not reasons,
        document={
            "healthy": not reasons,
            "reasons": reasons,
            "oldest_held_age_seconds": age_ms / 1000,
            "oldest_event_age_seconds": snapshot.event_age_ms / 1000,
            "stream_silence_seconds": silence_ms / 1000,
            "partitions": {
                view.shard: {
                    "committed": None if view.committed is None else str(view.committed),
                    "buffer_bytes": view.size_bytes,
                    "paused": view.paused,
                    "trouble": view.trouble,
                }
                for view in snapshot.partitions
            },
        },
    )

"""Which partitions are taken next: the longest due first, and a suspect only by itself.

A process that dies takes every take under way with it. The record that killed it is found by the
ledger's count of silent deaths (protocol.md, T13), and that count must not blame a neighbour: so
who died without a word before is taken while nothing else runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.records import ShardId

SUSPECT_WAITS_MS: Final = 3_000
"""How long a suspect lets others go first: a process that it kills has at least done their work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A partition whose batch is due, by the monotonic clock."""

    shard: ShardId
    due_ms: int
    suspect: bool

    @property
    def turn_ms(self) -> int:
        """When its turn comes: the earliest first."""
        return self.due_ms + (SUSPECT_WAITS_MS if self.suspect else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """What a process does at the moment: takes, of them one that wants to be alone, and a sweep."""

    takes: int = 0
    alone: bool = False
    sweeping: bool = False


def choose(
    candidates: Iterable[Candidate], at_work: AtWork, *, threads: int, now_ms: int
) -> Sequence[ShardId]:
    """Return whose takes start now. A suspect whose turn it is holds the later ones back."""
    chosen: list[ShardId] = []
    if at_work.alone:
        return chosen
    turns = sorted((c for c in candidates if c.turn_ms <= now_ms), key=lambda c: c.turn_ms)
    for candidate in turns:
        running = at_work.takes + len(chosen)
        if candidate.suspect:
            if running == 0 and not at_work.sweeping:
                chosen.append(candidate.shard)
            break
        if running >= threads:
            break
        chosen.append(candidate.shard)
    return chosen

"""Which ids a shard has seen within the window, as immutable runs of sorted hashes."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from pipeline.core.lines import Ints, Words
from pipeline.core.runs import SPAN_MS_MAX, Entries, Run, merge
from pipeline.errors import OperatingError, UserError

_GROWTH: Final = 4
"""A run is merged into the one before unless that is so many times larger: few runs, few copies."""
_DISORDER_MS: Final = 60_000
"""How far arrival times of one lineage may run backwards; entries are kept so much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIds:
    """The entries of earlier commits of one lineage; adding makes a new set that shares the runs.

    About 21 bytes an id. An entry concerns an event only if it arrived within `window_ms` before it
    (protocol.md, T26), so a warm set and one rebuilt from the ids objects answer alike.
    """

    window_ms: int
    ids_max: int
    newest_ms: int = 0
    runs: tuple[Run, ...] = field(default=(), repr=False)

    @classmethod
    def empty(cls, *, window_ms: int, ids_max: int = 4_000_000) -> "SeenIds":
        """Return a set without ids; `ids_max` bounds its memory at about 21 bytes an id.

        Raises:
            UserError: the window is longer than a run can tell arrival times apart.
        """
        window_ms_max = SPAN_MS_MAX - _DISORDER_MS
        if not 0 <= window_ms <= window_ms_max:
            raise UserError(f"dedupe window of {window_ms} ms: choose 0 to {window_ms_max}")
        return cls(window_ms=window_ms, ids_max=ids_max)

    def __len__(self) -> int:
        return sum(len(run) for run in self.runs)

    def with_ids(self, ids_object: bytes) -> "SeenIds":
        """Return this set and what one commit taught; ids past the window are let go on the way.

        Raises:
            OperatingError: more than `ids_max` ids lie within the window.
            BrokenInvariant: the object is none that `encode_ids` made.
        """
        if not ids_object:
            return self
        runs = [*self.runs, Run.of(ids_object)]
        newest_ms = max(self.newest_ms, runs[-1].newest_ms)
        oldest_ms = newest_ms - self.window_ms - _DISORDER_MS
        while len(runs) > 1 and len(runs[-2]) < _GROWTH * len(runs[-1]):
            runs[-2:] = [merge(runs[-2], runs[-1], oldest_ms)]
        if sum(map(len, runs)) > self.ids_max:
            whole = runs[0]
            for run in runs[1:]:
                whole = merge(whole, run, oldest_ms)
            runs = [whole]
        if sum(map(len, runs)) > self.ids_max:
            raise OperatingError(
                f"over {self.ids_max} ids within the window of {self.window_ms} ms: add shards, or "
                "shorten the window, or raise the bound and the function's memory (21 bytes an id)",
                retryable=False,
            )
        return replace(self, newest_ms=newest_ms, runs=tuple(filter(len, runs)))

    def find(self, wanted: Words) -> tuple[Ints, Entries]:
        """Return every entry of any of the sorted ids `wanted`, with the place there it answers."""
        places: list[Ints] = []
        found: list[Entries] = []
        for run in self.runs:
            hit, rows = run.find(wanted)
            if len(hit):
                places.append(hit)
                found.append(run.entries(rows))
        if not found:
            return np.empty(0, dtype=np.int64), Entries.none()
        return np.concatenate(places), Entries.joined(found)

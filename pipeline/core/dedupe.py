"""Which ids a shard has seen within the window, as immutable runs of sorted hashes."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from pipeline.core.lines import Ints, Mask, Words
from pipeline.errors import BrokenInvariant, OperatingError

_MAGIC: Final = b"SLUICEI1"
_WIDTH: Final = 24
"""Bytes an id: hash of the id, fingerprint of the body, arrival time and disposition."""
_GROWTH: Final = 4
"""A run is merged into the one before unless that is so many times larger: few runs, few copies."""
_DISORDER_MS: Final = 60_000
"""How far arrival times of one lineage may run backwards; entries are kept so much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Ids of events with their bodies' fingerprints, arrival times and fates, one row an entry."""

    ids: Words
    bodies: Words
    arrival_ms: Ints
    quarantined: Mask


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries sorted by id; `fates` packs arrival time and, as lowest bit, quarantined."""

    ids: Words
    bodies: Words
    fates: Ints

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIds:
    """The entries of earlier commits of one lineage; adding makes a new set that shares the runs.

    24 bytes an id. An entry concerns an event only if it arrived within `window_ms` before it
    (protocol.md, T26), so a warm set and one rebuilt from the ids objects answer alike.
    """

    window_ms: int
    ids_max: int
    newest_ms: int = 0
    runs: tuple[_Run, ...] = field(default=(), repr=False)

    @classmethod
    def empty(cls, *, window_ms: int, ids_max: int = 3_000_000) -> "SeenIds":
        """Return a set without ids; `ids_max` bounds its memory at 24 bytes an id."""
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
        runs = [*self.runs, _decode_run(ids_object)]
        newest_ms = max(self.newest_ms, int(runs[-1].fates.max()) >> 1)
        oldest_ms = newest_ms - self.window_ms - _DISORDER_MS
        while len(runs) > 1 and len(runs[-2]) < _GROWTH * len(runs[-1]):
            runs[-2:] = [_merge(runs[-2], runs[-1], oldest_ms)]
        if sum(map(len, runs)) > self.ids_max:
            whole = runs[0]
            for run in runs[1:]:
                whole = _merge(whole, run, oldest_ms)
            runs = [whole]
        if sum(map(len, runs)) > self.ids_max:
            raise OperatingError(
                f"over {self.ids_max} ids within the window of {self.window_ms} ms: add shards, or "
                "shorten the window, or raise the bound and the function's memory (24 bytes an id)",
                retryable=False,
            )
        return replace(self, newest_ms=newest_ms, runs=tuple(filter(len, runs)))

    def find(self, wanted: Words) -> tuple[Ints, Entries]:
        """Return every entry of any of the sorted ids `wanted`, with the place there it answers."""
        places: list[Ints] = []
        found: list[_Run] = []
        for run in self.runs:
            first = np.searchsorted(run.ids, wanted)
            hit = np.flatnonzero(run.ids[np.minimum(first, len(run) - 1)] == wanted)
            if not len(hit):
                continue
            first = first[hit]
            count = np.searchsorted(run.ids, wanted[hit], side="right") - first
            rows = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
            places.append(np.repeat(hit, count))
            found.append(_Run(run.ids[rows], run.bodies[rows], run.fates[rows]))
        if not found:
            nothing = np.empty(0, dtype=np.int64)
            return nothing, _entries(_Run(wanted[:0], wanted[:0], nothing))
        return np.concatenate(places), _entries(_concatenated(found))


def encode_ids(entries: Entries) -> bytes:
    """Return the object that goes beside a commit; b"" for no entry."""
    if not len(entries.ids):
        return b""
    order = np.argsort(entries.ids)
    fates = (entries.arrival_ms << 1) | entries.quarantined
    columns = (entries.ids[order], entries.bodies[order], fates[order].astype(np.int64))
    return b"".join((_MAGIC, *(column.astype("<u8", copy=False).tobytes() for column in columns)))


def _decode_run(ids_object: bytes) -> _Run:
    count, rest = divmod(len(ids_object) - len(_MAGIC), _WIDTH)
    if not ids_object.startswith(_MAGIC) or rest or count < 1:
        raise BrokenInvariant("not an ids object: its opening or its length is wrong")
    words = np.frombuffer(ids_object, dtype="<u8", offset=len(_MAGIC))
    ids, bodies, fates = words[:count], words[count : 2 * count], words[2 * count :]
    return _Run(ids, bodies, fates.view(np.int64))


def _concatenated(runs: list[_Run]) -> _Run:
    return _Run(
        np.concatenate([run.ids for run in runs]),
        np.concatenate([run.bodies for run in runs]),
        np.concatenate([run.fates for run in runs]),
    )


def _merge(left: _Run, right: _Run, oldest_ms: int) -> _Run:
    """Return both as one sorted run, without what arrived before `oldest_ms`."""
    both = _concatenated([left, right])
    # A stable sort of two sorted runs is one merge.
    order = np.argsort(both.ids, kind="stable")
    order = order[(both.fates >> 1)[order] >= oldest_ms]
    return _Run(both.ids[order], both.bodies[order], both.fates[order])


def _entries(run: _Run) -> Entries:
    return Entries(
        ids=run.ids,
        bodies=run.bodies,
        arrival_ms=run.fates >> 1,
        quarantined=(run.fates & 1).astype(np.bool_),
    )

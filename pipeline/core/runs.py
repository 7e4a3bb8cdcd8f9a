"""Runs of seen ids: sorted by hash, 20 bytes an entry and one to look before searching."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.core.lines import Ints, Mask, Words
from pipeline.errors import BrokenInvariant

SPAN_MS_MAX: Final = 2**31 - 1
"""24.8 days: arrival times of a run are kept as 31 bits after its oldest."""
_MAGIC: Final = b"SLUICEI1"
_HEAD_BYTES: Final = 16
_ENTRY_BYTES: Final = 20
"""Hash of the id, fingerprint of the body, arrival time and disposition: 8, 8 and 4."""
_SLOTS_AN_ID: Final = 8
_FILTERED_FROM: Final = 4_096
"""Shorter runs stay in the processor's cache and are searched at once."""
_CHUNK_IDS: Final = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Ids of events with their bodies' fingerprints, arrival times and fates, one row an entry."""

    ids: Words
    bodies: Words
    arrival_ms: Ints
    quarantined: Mask

    @classmethod
    def none(cls) -> "Entries":
        """Return no entries."""
        words, times = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        return cls(ids=words, bodies=words, arrival_ms=times, quarantined=times != 0)

    @classmethod
    def joined(cls, parts: "Sequence[Entries]") -> "Entries":
        """Return the entries of all parts, one behind the other."""
        return cls(
            ids=np.concatenate([part.ids for part in parts]),
            bodies=np.concatenate([part.bodies for part in parts]),
            arrival_ms=np.concatenate([part.arrival_ms for part in parts]),
            quarantined=np.concatenate([part.quarantined for part in parts]),
        )

    def take(self, rows: Ints) -> "Entries":
        """Return the chosen rows in the given order."""
        return Entries(
            ids=self.ids[rows],
            bodies=self.bodies[rows],
            arrival_ms=self.arrival_ms[rows],
            quarantined=self.quarantined[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Entries sorted by id; `fates` packs milliseconds after `base_ms` and, lowest, quarantined.

    `slots` holds a bit for every eighth of an average gap between ids, set where an id lies: it is
    read in order, unlike a search, and answers most questions after ids that are not here.
    """

    ids: Words
    bodies: Words
    fates: npt.NDArray[np.uint32]
    base_ms: int
    slots: npt.NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, ids_object: bytes) -> "Run":
        """Return the run that `encode_ids` wrote; its columns share the object's memory.

        Raises:
            BrokenInvariant: the object is of another make.
        """
        count, rest = divmod(len(ids_object) - _HEAD_BYTES, _ENTRY_BYTES)
        if not ids_object.startswith(_MAGIC) or rest or count < 1:
            raise BrokenInvariant("not an ids object: its opening or its length is wrong")
        words = np.frombuffer(ids_object, "<u8", 2 * count, _HEAD_BYTES)
        return cls(
            words[:count],
            words[count:],
            np.frombuffer(ids_object, "<u4", count, _HEAD_BYTES + 16 * count),
            int.from_bytes(ids_object[len(_MAGIC) : _HEAD_BYTES], "little", signed=True),
            _slots(words[:count]),
        )

    @property
    def newest_ms(self) -> int:
        """When the newest entry arrived."""
        return self.base_ms + (int(self.fates.max()) >> 1)

    def since(self, oldest_ms: int) -> "Run":
        """Return the entries that did not arrive before `oldest_ms`, without slots if any goes."""
        oldest = min(max(oldest_ms - self.base_ms, 0) << 1, 2**32 - 1)
        kept = self.fates >= np.uint32(oldest)
        if kept.all():
            return self
        return Run(self.ids[kept], self.bodies[kept], self.fates[kept], self.base_ms, None)

    def find(self, wanted: Words) -> tuple[Ints, Ints]:
        """Return each match of a sorted id with an entry: the place in `wanted`, the row here."""
        maybe = np.arange(len(wanted))
        if self.slots is not None:
            slot = _slot(wanted, len(self))
            bit = np.left_shift(np.uint8(1), (slot & np.uint64(7)).astype(np.uint8))
            maybe = np.flatnonzero(self.slots[(slot >> np.uint64(3)).view(np.int64)] & bit)
        first = np.searchsorted(self.ids, wanted[maybe])
        same = self.ids[np.minimum(first, len(self) - 1)] == wanted[maybe]
        hit, first = maybe[same], first[same]
        if not len(hit):
            return hit, first
        count = np.searchsorted(self.ids, wanted[hit], side="right") - first
        rows = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        return np.repeat(hit, count), rows

    def entries(self, rows: Ints) -> Entries:
        """Return the chosen rows as entries."""
        fates = self.fates[rows]
        return Entries(
            ids=self.ids[rows],
            bodies=self.bodies[rows],
            arrival_ms=self.base_ms + (fates >> np.uint32(1)).astype(np.int64),
            quarantined=(fates & np.uint32(1)) != 0,
        )


def encode_ids(entries: Entries) -> bytes:
    """Return the object that goes beside a commit, for entries sorted by id; b"" for none.

    An arrival time over `SPAN_MS_MAX` before the newest is written as just that much before it: no
    window reaches so far back.
    """
    if not len(entries.ids):
        return b""
    newest_ms = int(entries.arrival_ms.max())
    base_ms = max(int(entries.arrival_ms.min()), newest_ms - SPAN_MS_MAX)
    after_ms = np.maximum(entries.arrival_ms - base_ms, 0).astype(np.uint32)
    fates = after_ms << np.uint32(1) | entries.quarantined.astype(np.uint32)
    columns = (entries.ids.astype("<u8"), entries.bodies.astype("<u8"), fates.astype("<u4"))
    base = base_ms.to_bytes(8, "little", signed=True)
    return b"".join((_MAGIC, base, *(column.tobytes() for column in columns)))


def merge(left: Run, right: Run, oldest_ms: int) -> Run:
    """Return both as one run, without what arrived before `oldest_ms`; a column at a time."""
    left, right = left.since(oldest_ms), right.since(oldest_ms)
    places = np.searchsorted(left.ids, right.ids, side="right") + np.arange(len(right))
    free = np.ones(len(left) + len(right), dtype=np.bool_)
    free[places] = False

    def merged(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        column = np.empty(len(free), dtype=ours.dtype)
        column[free], column[places] = ours, theirs
        return column

    base_ms = min((run.base_ms for run in (left, right) if len(run)), default=0)
    newest_ms = max((run.newest_ms for run in (left, right) if len(run)), default=0)
    base_ms = max(base_ms, newest_ms - SPAN_MS_MAX, 0)
    ids = merged(left.ids, right.ids)
    return Run(
        ids,
        merged(left.bodies, right.bodies),
        merged(_rebased(left, base_ms), _rebased(right, base_ms)),
        base_ms,
        _slots(ids),
    )


def _rebased(run: Run, base_ms: int) -> npt.NDArray[np.uint32]:
    """Return the fates of a run as counted from another base."""
    if run.base_ms == base_ms:
        return run.fates
    after_ms = np.maximum((run.fates >> np.uint32(1)).astype(np.int64) + run.base_ms - base_ms, 0)
    return after_ms.astype(np.uint32) << np.uint32(1) | run.fates & np.uint32(1)


def _slots(ids: Words) -> npt.NDArray[np.uint8] | None:
    """Return the bits of sorted ids, made a chunk at a time to need little memory."""
    if len(ids) < _FILTERED_FROM:
        return None
    bits = np.zeros(len(ids) * _SLOTS_AN_ID // 8 + 1, dtype=np.uint8)
    for first in range(0, len(ids), _CHUNK_IDS):
        slot = _slot(ids[first : first + _CHUNK_IDS], len(ids))
        octet = (slot >> np.uint64(3)).view(np.int64)
        opens = np.flatnonzero(np.diff(octet, prepend=-1))
        bit = np.left_shift(np.uint8(1), (slot & np.uint64(7)).astype(np.uint8))
        bits[octet[opens]] |= np.bitwise_or.reduceat(bit, opens)
    return bits


def _slot(ids: Words, count: int) -> Words:
    """Return the slot of each id among those of `count` ids; rises with the id."""
    slot: Words = (ids >> np.uint64(32)) * np.uint64(count * _SLOTS_AN_ID) >> np.uint64(32)
    return slot

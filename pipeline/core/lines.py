"""The lines of a batch in one buffer, with where each came from, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.intake import Payload
from pipeline.core.records import Record

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

PAD_BYTES: Final = 256
LINE_BYTES_MAX: Final = 1024 * 1024
"""A longer event is refused unread: as Python values it might need a hundred times its size."""
_PAD: Final = b"\n" * PAD_BYTES
_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Events as lines, in stream order: `buffer[start:end]` is one, without its line's end.

    `PAD_BYTES` open and close `buffer`, so that words may be read around every line.
    `payload` counts in `payloads`, `record` in the batch; `index` is its place in its record.
    """

    buffer: bytes
    start: Ints
    end: Ints
    payload: Ints
    record: Ints
    index: Ints
    arrival_ms: Ints
    payloads: Sequence[Payload]

    @classmethod
    def of(cls, payloads: Sequence[Payload], records: Sequence[Record]) -> "Lines":
        """Lay the payloads of `records` one behind the other."""
        parts = [_PAD]
        for payload in payloads:
            whole = payload.body[-1:] in (b"\n", b"")
            parts += (payload.body,) if whole else (payload.body, b"\n")
        buffer = b"".join((*parts, _PAD))
        octets = np.frombuffer(buffer, dtype=np.uint8)
        end = np.flatnonzero(octets[len(_PAD) : -len(_PAD)] == _NEWLINE) + len(_PAD)
        start = np.empty_like(end)
        if len(end):
            start[0] = len(_PAD)
            np.add(end[:-1], 1, out=start[1:])
        end = end - ((octets[end - 1] == _RETURN) & (end > start))
        counts = np.array([payload.lines for payload in payloads], dtype=np.int64)
        payload_of = np.repeat(np.arange(len(payloads)), counts)
        before = np.cumsum(counts) - counts
        record_of = np.array([payload.record for payload in payloads], dtype=np.int64)
        index_of = np.array([payload.index for payload in payloads], dtype=np.int64)
        arrivals = np.array([record.arrival_ms for record in records], dtype=np.int64)
        record = record_of[payload_of]
        return cls(
            buffer=buffer,
            start=start,
            end=end,
            payload=payload_of,
            record=record,
            index=np.arange(len(end)) - (before - index_of)[payload_of],
            arrival_ms=arrivals[record] if len(record) else record,
            payloads=payloads,
        )

    def __len__(self) -> int:
        return len(self.start)

    def line(self, ordinal: int) -> bytes:
        """Return one line as it was sent."""
        return self.buffer[self.start[ordinal] : self.end[ordinal]]

    @cached_property
    def braced(self) -> Mask:
        """Which lines open with `{` and close with `}`.

        Such a line holds at least one JSON object or is broken, and no object can span two of them
        (`}` is never followed by `{` within an object, nor is a raw newline allowed in a string):
        if a reader makes as many objects of them as there are lines, it made one of each.
        """
        octets = np.frombuffer(self.buffer, dtype=np.uint8)
        braced: Mask = octets[self.start] == _OPEN
        braced &= octets[self.end - 1] == _CLOSE
        braced &= self.end - self.start > 1
        return braced

    @cached_property
    def short(self) -> Mask:
        """Which lines are short enough to be looked at one by one if need be."""
        return self.end - self.start <= LINE_BYTES_MAX

    @cached_property
    def not_utf8(self) -> Ints:
        """The ordinals of the lines that are no UTF-8: Arrow's JSON reader lets them pass."""
        if self.buffer.isascii() or _is_utf8(self.buffer):
            return np.empty(0, dtype=np.int64)
        high = np.flatnonzero(np.frombuffer(self.buffer, dtype=np.uint8) >= 128)
        suspects = np.unique(np.searchsorted(self.start, high, side="right") - 1)
        found = [each for each in suspects.tolist() if not _is_utf8(self.line(each))]
        return np.array(found, dtype=np.int64)

    def joined(self, ordinals: Ints) -> bytes:
        """Return the chosen lines as one text, each with its end; neighbours are cut as one."""
        if not len(ordinals):
            return b""
        breaks = np.flatnonzero(np.diff(ordinals) != 1) + 1
        firsts = self.start[ordinals[np.concatenate(([0], breaks))]].tolist()
        lasts = self.end[ordinals[np.concatenate((breaks - 1, [len(ordinals) - 1]))]].tolist()
        return b"".join(
            [self.buffer[first:last] + b"\n" for first, last in zip(firsts, lasts, strict=True)]
        )

    def starting_with(self, prefix: bytes, among: Ints) -> Ints:
        """Return which lines of `among` open with `prefix`, compared eight bytes at a time."""
        start, size = self.start[among], self.end[among] - self.start[among]
        words = np.ndarray((len(self.buffer) - 7,), "<u8", buffer=self.buffer, strides=(1,))
        matches: Mask = size >= len(prefix)
        for offset in range(0, len(prefix), 8):
            part = prefix[offset : offset + 8]
            mask = np.uint64((1 << 8 * len(part)) - 1)
            expected = np.uint64(int.from_bytes(part, "little"))
            matches &= (words[start + offset] & mask) == expected
        return among[matches]


def _is_utf8(text: bytes) -> bool:
    """Return whether Arrow takes `text` as one string; it checks without a copy."""
    bounds = pa.py_buffer(np.array([0, len(text)], dtype=np.int32))
    try:
        pa.StringArray.from_buffers(1, bounds, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True

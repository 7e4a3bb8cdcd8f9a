"""One cursor a line, all moved at once: text that must stand there, integers, strings, flags."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.core import words
from pipeline.core.contract import Field
from pipeline.core.diagnose import bounds
from pipeline.core.lines import Ints, Mask, Words

WORDS_AHEAD: Final = {"string": 4, "int64": 3, "timestamp_ms": 3, "bool": 1}
"""Types with a canonical form, and how many words of a value are looked at in one go."""
_MINUS, _QUOTE, _ZERO = (np.uint64(byte) for byte in b'-"0')
_FALSE, _TRUE, _NULL = (
    np.uint64(int.from_bytes(each, "little")) for each in (b"false", b"true", b"null")
)
_ONE_BYTE, _FOUR_BYTES, _FIVE_BYTES = (np.uint64(2 ** (8 * count) - 1) for count in (1, 4, 5))


@dataclass(frozen=True, slots=True)
class Values:
    """A field's values, one a line: numbers, or strings as spans with their first words."""

    field: Field
    present: Mask
    length: Ints
    numbers: npt.NDArray[Any] | None = None
    start: Ints | None = None
    word: Words | None = None


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What stands behind each cursor, `size` bytes of it, row by row."""

    raw: npt.NDArray[np.void]
    size: int

    def word(self, offset: int) -> Words:
        """Return the eight bytes at `offset` of each row."""
        view: Words = np.ndarray(
            (len(self.raw),), "<u8", buffer=self.raw.data, offset=offset, strides=(self.size,)
        )
        return view.copy()

    def opens_with(self, text: bytes) -> Mask:
        """Return which rows open with `text`, compared word by word."""
        first = text[:8].ljust(8, b"\0")
        kept = np.uint64(2 ** (8 * min(len(text), 8)) - 1)
        same: Mask = (self.word(0) & kept) == np.uint64(int.from_bytes(first, "little"))
        for offset in {*range(8, len(text) - 7, 8), len(text) - 8} - {0}:
            if offset > 0:
                expected = int.from_bytes(text[offset : offset + 8], "little")
                same &= self.word(offset) == np.uint64(expected)
        return same


@dataclass(slots=True)
class Cursor:
    """Where each line is read next, and whether it was canonical so far.

    A good line's cursor never leaves its line: no text and no value that it passes holds the byte
    that ends the line. A line that is good no more stays where it is. `buffer` must reach far
    enough past the last line for one look ahead.
    """

    buffer: bytes
    at: Ints
    good: Mask

    def expect(self, text: bytes) -> None:
        """Pass `text`, which every canonical line has here."""
        self.good &= self._look(max(len(text), 8)).opens_with(text)
        self._advance(np.full(len(self.at), len(text)))

    def read(self, text: bytes, wanted: Field) -> Values:
        """Pass `text` and the value behind it; an optional field may be absent or null."""
        ahead = self._look(len(text) + 1 + 8 * WORDS_AHEAD[wanted.type])
        there = ahead.opens_with(text)
        values, fine = self._value(ahead, len(text), wanted)
        if wanted.required:
            self.good &= there & fine
            self._advance(values.length + len(text))
            return values
        null = there & ((ahead.word(len(text)) & _FOUR_BYTES) == _NULL)
        present = there & ~null
        self.good &= fine | ~present
        length = np.where(present, values.length, 4 * null)
        self._advance(length + np.where(there, len(text), 0))
        return replace(values, present=present)

    def _value(self, ahead: _Ahead, offset: int, wanted: Field) -> tuple[Values, Mask]:
        """Return values and whether they are canonical."""
        if wanted.type == "string":
            quoted: Mask = (ahead.word(offset) & _ONE_BYTE) == _QUOTE
            return self._string(ahead, offset + 1, quoted, wanted)
        if wanted.type == "bool":
            word = ahead.word(offset)
            true: Mask = (word & _FOUR_BYTES) == _TRUE
            false: Mask = (word & _FIVE_BYTES) == _FALSE
            return Values(wanted, true, 4 + false.astype(np.int64), numbers=true), true | false
        numbers, length, fine = _integers(ahead, offset, signed=bounds(wanted)[0] < 0)
        return Values(wanted, fine, length, numbers=numbers), fine

    def _string(
        self, ahead: _Ahead, offset: int, quoted: Mask, wanted: Field
    ) -> tuple[Values, Mask]:
        """Return spans up to the closing quotes, and whether nothing in them needs decoding."""
        start = self.at + offset
        first = ahead.word(offset)
        length, closed, broken = words.first_stop(first)
        looked_at = 1
        while not (done := closed | broken).all() and 8 * looked_at <= wanted.max_bytes:
            # Most often all lines go on or none; a slice spares the copies of an index.
            rest = np.flatnonzero(~done) if done.any() else slice(None)
            if looked_at < WORDS_AHEAD["string"]:
                word = ahead.word(offset + 8 * looked_at)[rest]
            else:
                word = self._word(start[rest] + 8 * looked_at)
            more, closed[rest], broken[rest] = words.first_stop(word)
            length[rest] += more
            looked_at += 1
        closed &= quoted
        return Values(wanted, closed, length + 2, start=start, word=first), closed

    def _word(self, at: Ints) -> Words:
        view: Words = np.ndarray((len(self.buffer) - 7,), "<u8", buffer=self.buffer, strides=(1,))
        return view[np.minimum(at, len(view) - 1)]

    def _look(self, size: int) -> _Ahead:
        # As plain bytes: a structure would be gathered field by field, twenty times slower.
        rows = len(self.buffer) - size + 1
        view = np.ndarray((rows,), np.dtype((np.void, size)), buffer=self.buffer, strides=(1,))
        return _Ahead(view[self.at], size)

    def _advance(self, by: Ints) -> None:
        self.at += by if self.good.all() else np.where(self.good, by, 0)


def _integers(
    ahead: _Ahead, offset: int, *, signed: bool
) -> tuple[npt.NDArray[np.int64], Ints, Mask]:
    """Return the numbers, how many bytes write each, and whether JSON allows them as written."""
    word = ahead.word(offset)
    minus: Mask = (word & _ONE_BYTE) == _MINUS if signed else np.zeros(len(word), dtype=np.bool_)
    negative = bool(minus.any())
    if negative:
        word = np.where(minus, ahead.word(offset + 1), word)
    length, number = words.digits(word)
    fine: Mask = (length > 0) & (((word & _ONE_BYTE) != _ZERO) | (length == 1))
    long = length == 8
    if long.any():
        following = ahead.word(offset + 8)
        if negative:
            following = np.where(minus, ahead.word(offset + 9), following)
        more_digits, more = words.digits(following)
        longer = words.appended(number, more_digits, more)
        number = longer if long.all() else np.where(long, longer, number)
        length += more_digits if long.all() else np.where(long, more_digits, 0)
    numbers = number.view(np.int64)
    if negative:
        numbers, length = np.where(minus, -numbers, numbers), length + minus
    return numbers, length, fine

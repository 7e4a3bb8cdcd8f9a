"""Eight bytes at a time: finding stops and digits in 64-bit words, little-endian, many at once.

The tests for a byte that is zero or below a bound are those of Hacker's Delight, 6-1: above the
first true hit they may show false ones, so only the lowest set bit counts.
"""

from typing import Final

import numpy as np

from pipeline.core.lines import Ints, Mask, Words


def _every(byte: int) -> np.uint64:
    """Return a word of eight times `byte`."""
    return np.uint64(byte * 0x0101_0101_0101_0101)


_ALL: Final = np.uint64(2**64 - 1)
_ONES, _HIGHS, _LOWS, _BLANKS = _every(0x01), _every(0x80), _every(0x7F), _every(0x20)
_QUOTES, _SLASHES, _ZEROS, _OVER_NINE = _every(0x22), _every(0x5C), _every(0x30), _every(0x76)
_POWERS: Final = np.array([10**n for n in range(9)], dtype=np.uint64)
_U1, _U3, _U8, _U16, _U32, _U64 = (np.uint64(n) for n in (1, 3, 8, 16, 32, 64))


def first_stop(word: Words) -> tuple[Ints, Mask, Mask]:
    """Return how many bytes of text open each word, whether a quote ends them, and whether not.

    Text ends at a quote, and in vain at a backslash or a control character; with neither, the count
    is 8 and both flags are false.
    """
    quote = _zero_bytes(word ^ _QUOTES)
    stop = _zero_bytes(word ^ _SLASHES)
    stop |= (word - _BLANKS) & ~word & _HIGHS
    stop |= quote
    lowest = stop & (~stop + _U1)
    closed: Mask = (lowest & quote) != 0
    broken: Mask = (stop != 0) & ~closed
    return _bytes_below(lowest), closed, broken


def leading(word: Words, count: Ints) -> Words:
    """Return each word with all but its first `count` bytes, at most 8, set to zero."""
    kept: Words = word & (_ALL >> (_U64 - (count.astype(np.uint64) << _U3)))
    return kept


def digits(word: Words) -> tuple[Ints, Words]:
    """Return how many decimal digits open each word, up to 8, and the number that they write."""
    values = word ^ _ZEROS
    other = (((values & _LOWS) + _OVER_NINE) | values) & _HIGHS
    count = _bytes_below(other & (~other + _U1))
    # The digits move to the high bytes; the zeros that follow them up write leading noughts.
    number = values << (_U64 - (count.astype(np.uint64) << _U3))
    number[count == 0] = 0
    number = (number * np.uint64(10) + (number >> _U8)) & np.uint64(0x00FF_00FF_00FF_00FF)
    number = (number * np.uint64(100) + (number >> _U16)) & np.uint64(0x0000_FFFF_0000_FFFF)
    number = (number * np.uint64(10_000) + (number >> _U32)) & np.uint64(0xFFFF_FFFF)
    return count, number


def appended(number: Words, count: Ints, more: Words) -> Words:
    """Return `number` with the `count` digits of `more` written behind it."""
    longer: Words = number * _POWERS[count] + more
    return longer


def _zero_bytes(word: Words) -> Words:
    marks: Words = (word - _ONES) & ~word & _HIGHS
    return marks


def _bytes_below(lowest: Words) -> Ints:
    """Return how many whole bytes lie below the one bit of each word, 8 for none."""
    count: Ints = (np.bitwise_count(lowest - _U1) >> 3).astype(np.int64)
    return count

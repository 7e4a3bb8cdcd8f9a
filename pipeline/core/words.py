"""Eight bytes at a time: finding stops and digits in 64-bit words, little-endian, many at once.

The tests for a byte that is zero or below a bound are those of Hacker's Delight, 6-1: above the
first true hit they may show false ones, so only the lowest set bit counts.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.core.lines import Ints, Mask, Words


def _every(byte: int) -> np.uint64:
    """Return a word of eight times `byte`."""
    return np.uint64(byte * 0x0101_0101_0101_0101)


_ALL: Final = np.uint64(2**64 - 1)
_ONES, _HIGHS, _LOWS, _BLANKS = _every(0x01), _every(0x80), _every(0x7F), _every(0x20)
_QUOTES, _SLASHES, _ZEROS, _OVER_NINE = _every(0x22), _every(0x5C), _every(0x30), _every(0x76)
_PAIRS, _QUARTETS = np.uint64(0x00FF_00FF_00FF_00FF), np.uint64(0x0000_FFFF_0000_FFFF)
_BY_TEN, _BY_HUNDRED = np.uint64(1 + (10 << 8)), np.uint64(1 + (100 << 16))
_BY_TEN_THOUSAND: Final = np.uint64(1 + (10_000 << 32))
_POWERS: Final = np.array([10**n for n in range(9)], dtype=np.uint64)
_U1, _U8, _U16, _U32, _U64 = (np.uint64(n) for n in (1, 8, 16, 32, 64))
_WHOLE_BYTES: Final = np.uint8(0xF8)


def first_stop(word: Words) -> tuple[Ints, Mask, Mask]:
    """Return how many bytes of text open each word, whether a quote ends them, and whether not.

    Text ends at a quote, and in vain at a backslash or a control character; with neither, the count
    is 8 and both flags are false.
    """
    quote = _zero_bytes(word ^ _QUOTES)
    stop = (quote | _zero_bytes(word ^ _SLASHES) | ((word - _BLANKS) & ~word)) & _HIGHS
    below = (stop - _U1) & ~stop
    closed: Mask = (quote & (below + _U1)) != 0
    broken: Mask = (stop != 0) & ~closed
    return (_bits(below) >> 3).astype(np.int64), closed, broken


def leading(word: Words, count: Ints) -> Words:
    """Return each word with all but its first `count` bytes, at most 8, set to zero."""
    kept: Words = word & (_ALL >> (_U64 - (count << 3).astype(np.uint64)))
    return kept


def digits(word: Words) -> tuple[Ints, Words]:
    """Return how many decimal digits open each word, up to 8, and the number that they write.

    The digits move to the high bytes, so that the zeros that follow them up write leading noughts;
    a shift by 64, of no digit at all, leaves 0. Then neighbours are joined: bytes to pairs, pairs
    to quartets, quartets to the number, each by one multiplication.
    """
    values = word ^ _ZEROS
    other = (((values & _LOWS) + _OVER_NINE) | values) & _HIGHS
    digit_bits = _bits((other - _U1) & ~other)
    number = values << (_U64 - digit_bits)
    number = (number * _BY_TEN >> _U8) & _PAIRS
    number = (number * _BY_HUNDRED >> _U16) & _QUARTETS
    number = number * _BY_TEN_THOUSAND >> _U32
    return (digit_bits >> 3).astype(np.int64), number


def appended(number: Words, count: Ints, more: Words) -> Words:
    """Return `number` with the `count` digits of `more` written behind it."""
    longer: Words = number * _POWERS[count] + more
    return longer


def _zero_bytes(word: Words) -> Words:
    """Return words whose high bits, byte by byte, mark the bytes that are zero."""
    marks: Words = (word - _ONES) & ~word
    return marks


def _bits(below: Words) -> npt.NDArray[np.uint8]:
    """Return the bits of the whole bytes in a mask of ones below a mark."""
    bits: npt.NDArray[np.uint8] = np.bitwise_count(below) & _WHOLE_BYTES
    return bits

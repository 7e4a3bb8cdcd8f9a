"""Words: eight bytes at a time say what a loop over the bytes would."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core import words

WORD = st.binary(min_size=8, max_size=8)
TEXT = st.lists(st.sampled_from(b'abc"\\\x1f\x00 ~\x7f\x80\xff!#[]'), min_size=8, max_size=8)
NUMBER = st.integers(0, 10**9).map(lambda number: f'{number},}}"      '.encode()[:8])


def one(word: bytes) -> np.ndarray:
    return np.frombuffer(word, "<u8").copy()


@given(WORD | TEXT.map(bytes))
def test_text_ends_at_a_quote_and_in_vain_at_a_backslash_or_control_character(word):
    stops = [n for n, byte in enumerate(word) if byte < 0x20 or byte in b'"\\']
    first = stops[0] if stops else 8
    length, closed, broken = words.first_stop(one(word))
    assert length[0] == first
    assert closed[0] == (first < 8 and word[first] == ord('"'))
    assert broken[0] == (first < 8 and word[first] != ord('"'))


@given(WORD | NUMBER | st.binary(max_size=8).map(lambda tail: (b"12345678" + tail)[-8:]))
@example(b"00000000")
@example(b"99999999")
@example(b"x9999999")
def test_digits_are_counted_and_read_up_to_the_first_other_byte(word):
    count = next((n for n, byte in enumerate(word) if byte not in b"0123456789"), 8)
    got_count, number = words.digits(one(word))
    assert got_count[0] == count
    assert number[0] == int(word[:count] or b"0")


@given(WORD, st.integers(0, 8))
def test_leading_bytes_are_kept_and_the_others_zero(word, count):
    kept = words.leading(one(word), np.array([count]))
    assert kept.tobytes() == word[:count].ljust(8, b"\0")


@given(st.integers(0, 10**8 - 1), st.integers(0, 10**8 - 1))
def test_more_digits_are_written_behind_a_number(number, more):
    digits = str(more)
    together = words.appended(
        np.array([number], np.uint64), np.array([len(digits)]), np.array([more], np.uint64)
    )
    assert together[0] == int(f"{number}{digits}")

"""Hashes of many spans at once: they depend on content and seed alone, and spread."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.hashing import fingerprint_rows, hash_spans, hash_strings, table_seed


def hashes(strings, seed=0, prefix=b""):
    buffer = bytes(8) + prefix + b"".join(strings)
    ends = np.cumsum([len(each) for each in strings], dtype=np.int64) + 8 + len(prefix)
    starts = ends - np.array([len(each) for each in strings], dtype=np.int64)
    return hash_spans(buffer, starts, ends, seed=seed).tolist()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20), st.binary(max_size=9))
def test_a_hash_depends_on_the_content_alone_not_on_where_it_stands(strings, prefix):
    together = hashes(strings, prefix=prefix)
    assert together == [hashes([each])[0] for each in strings]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_changed_byte_changes_the_hash(content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    assert hashes([content]) != hashes([changed])


def test_numbered_ids_and_bodies_that_differ_in_two_digits_do_not_collide():
    strings = [b"%08d-departure-%08d" % (n % 317, n // 317) for n in range(200_000)]
    assert len(set(hashes(strings))) == len(strings)


def test_lengths_count_even_of_zero_bytes():
    assert len(set(hashes([bytes(n) for n in range(40)]))) == 40


def test_strings_hash_as_their_bytes_wherever_their_array_was_cut():
    strings = pa.array(["", "a", "é" * 20, None, "departure-1"], pa.string())
    whole = hash_strings(strings, seed=7).tolist()
    assert whole == hashes([b"", b"a", ("é" * 20).encode(), b"", b"departure-1"], seed=7)
    assert hash_strings(strings.slice(2), seed=7).tolist() == whole[2:]


def test_equal_ids_of_two_tables_differ():
    ids = pa.array(["x"])
    seeds = [table_seed("departures"), table_seed("actions"), table_seed(None)]
    assert len({hash_strings(ids, seed=seed)[0] for seed in seeds}) == 3


def fingerprints(**columns):
    return fingerprint_rows(pa.table(columns)).tolist()


def test_a_fingerprint_is_of_the_values_whatever_their_columns_look_like():
    texts = pa.array(["a", "b", "a", None])
    plain = fingerprints(text=texts, number=[1, 2, 1, 4], flag=[True, None, True, False])
    turned = fingerprints(
        flag=[True, None, True, False], number=[1, 2, 1, 4], text=texts.dictionary_encode()
    )
    assert plain == turned
    assert plain[0] == plain[2]
    assert len(set(plain)) == 3


def test_a_fingerprint_tells_fields_apart_and_null_from_nothing():
    assert fingerprints(a=[1], b=[2]) != fingerprints(a=[2], b=[1])
    assert fingerprints(a=["x"], b=["y"]) != fingerprints(a=["y"], b=["x"])
    assert fingerprints(a=[1], b=pa.array([None], pa.int64())) == fingerprints(a=[1])
    assert fingerprints(a=[1], b=[0]) != fingerprints(a=[1])
    assert fingerprints(a=[1.5]) != fingerprints(a=[1.25])

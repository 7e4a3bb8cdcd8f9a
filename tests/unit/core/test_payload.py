"""Payloads: plain, zstd and gzip, and a bound that holds while reading."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.payload import NotReadable, compress, decompress

LINES = b'{"id":1}\n{"id":2}\n'


@pytest.mark.parametrize(
    "payload", [LINES, compress(LINES), gzip.compress(LINES)], ids=["plain", "zstd", "gzip"]
)
def test_a_payload_is_recognised_by_its_magic(payload):
    assert decompress(payload, bytes_max=100) == LINES


def test_a_compressed_payload_is_smaller():
    assert len(compress(LINES * 100)) < len(LINES) * 10


@pytest.mark.parametrize(
    "payload", [LINES, compress(LINES), gzip.compress(LINES)], ids=["plain", "zstd", "gzip"]
)
def test_the_bound_counts_decoded_bytes(payload):
    assert decompress(payload, bytes_max=len(LINES)) == LINES
    with pytest.raises(NotReadable, match="more than 17 bytes") as error:
        decompress(payload, bytes_max=len(LINES) - 1)
    assert error.value.reason.code == "too-large"


@given(st.binary(max_size=200), st.sampled_from([b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b""]))
def test_any_bytes_are_read_or_refused_with_a_reason(noise, magic):
    outcome = None
    try:
        outcome = decompress(magic + noise, bytes_max=1_000)
    except NotReadable as error:
        outcome = error.reason.detail
    assert outcome is not None

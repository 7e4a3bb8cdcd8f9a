"""64-bit hashes of many byte strings at once: one step a word for all strings, no loop over them.

For the seen set only (`pipeline.core.dedupe`). Not cryptographic: whoever forges a collision of ids
gets a quarantined event, never a lost one, because the bodies' fingerprints differ as well.
"""

import zlib
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.lines import Ints, Words

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_SEED: Final = np.uint64(0xD1B54A32D192ED03)
_HALF: Final = np.uint64(32)


def hash_spans(buffer: bytes, start: Ints, end: Ints, *, seed: int | Words = 0) -> Words:
    """Return a hash of each `buffer[start:end]`; eight bytes of padding must open `buffer`.

    Murmur's step a word (xor, multiply by an odd constant, fold the high half down), with length
    and seed in the initial state and the last, partial word shifted into place.
    """
    seeded = (end - start).astype(np.uint64) + (np.asarray(seed, dtype=np.uint64) << _HALF)
    length = end - start
    order = None if not length.size or length.min() == length.max() else np.argsort(length)[::-1]
    if order is not None:
        start, end, length, seeded = start[order], end[order], length[order], seeded[order]
    whole = length >> 3
    state = seeded * _SEED
    words = np.ndarray((max(len(buffer) - 7, 0),), dtype="<u8", buffer=buffer, strides=(1,))
    longest = int(whole[0]) if len(whole) else 0
    remaining = np.searchsorted(-whole, -np.arange(1, longest + 1), side="right")
    for step, count in enumerate(remaining.tolist()):
        _mix(state[:count], words[start[:count] + 8 * step])
    rest = length & 7
    partial = np.flatnonzero(rest)
    shift = (8 * (8 - rest[partial])).astype(np.uint64)
    tail = state[partial]
    _mix(tail, words[end[partial] - 8] >> shift)
    state[partial] = tail
    _mix(state, length.astype(np.uint64))
    if order is None:
        return state
    hashes = np.empty_like(state)
    hashes[order] = state
    return hashes


def hash_strings(strings: pa.Array, *, seed: int | Words) -> Words:
    """Return a hash of each string's UTF-8 bytes; of a null, that of the empty string."""
    if pa.types.is_dictionary(strings.type):
        distinct = hash_strings(strings.dictionary, seed=seed)
        if not len(distinct):
            return np.zeros(len(strings), dtype=np.uint64)
        hashes: Words = distinct[strings.indices.fill_null(0).to_numpy()]
        return hashes
    _, places, content = strings.buffers()
    if places is None or content is None:
        return hash_spans(bytes(8), *([np.full(len(strings), 8, dtype=np.int64)] * 2), seed=seed)
    offsets = np.frombuffer(memoryview(places), dtype=np.int32)
    offsets = offsets[strings.offset : strings.offset + len(strings) + 1].astype(np.int64)
    padded = b"".join((bytes(8), memoryview(content)[offsets[0] : offsets[-1]]))
    offsets = offsets - offsets[0] + 8
    return hash_spans(padded, offsets[:-1], offsets[1:], seed=seed)


def fingerprint_rows(rows: pa.Table) -> Words:
    """Return a fingerprint of each row's values, whatever order or spacing its JSON had.

    A null adds nothing, so a contract that gains an optional field leaves fingerprints as they are.
    Dictionaries are hashed once a distinct value.
    """
    total = np.zeros(rows.num_rows, dtype=np.uint64)
    for field, column in zip(rows.schema, rows.columns, strict=True):
        values = column.combine_chunks()
        seed = zlib.crc32(field.name.encode())
        if pa.types.is_string(values.type) or pa.types.is_dictionary(values.type):
            hashes = hash_strings(values, seed=seed)
        else:
            hashes = _hash_numbers(values, seed)
        if values.null_count:
            hashes[values.is_null().to_numpy(zero_copy_only=False)] = 0
        total += hashes
    return total


def _hash_numbers(values: pa.Array, seed: int) -> Words:
    """Return a hash of each number or flag by its 64 bits: Murmur's finalizer."""
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int64())
    state: Words = values.fill_null(0).to_numpy().view(np.uint64) ^ np.uint64(
        (seed + 1) * int(_SEED) % 2**64
    )
    state ^= state >> _HALF
    state *= _ODD
    state ^= state >> _HALF
    state *= _SEED
    state ^= state >> _HALF
    return state


def table_seed(table: str | None) -> int:
    """Return the seed that keeps equal ids of different tables apart."""
    return zlib.crc32(table.encode("utf-8", "surrogatepass")) if table is not None else 0


def _mix(state: Words, word: npt.NDArray[np.uint64]) -> None:
    """Take one word a string into `state`, in place."""
    state ^= word
    state *= _ODD
    state ^= state >> _HALF

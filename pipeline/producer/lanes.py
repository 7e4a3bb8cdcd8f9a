"""Lanes: fixed slices of the hash key space that keep a key's events on one shard, in order."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Final

_HASH_BITS: Final = 128
"""Kinesis hashes partition keys by MD5 (Kinesis developer guide, "Key concepts")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a lane's records go, for ever: the precondition of exactly once (protocol.md, T17).

    `explicit_hash_key` is the MD5 of `partition_key`, so that consumers which check the hash of an
    aggregate's inner records against the shard's range (KCL does) agree with the stream.
    """

    partition_key: str
    explicit_hash_key: str


def hash_key(partition_key: str) -> int:
    """Return the hash key, 0 to 2**128 - 1, that Kinesis gives a partition key."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


@lru_cache(maxsize=1 << 16)
def lane_of(key: str, lanes: int) -> int:
    """Return the lane, 0 to lanes - 1, of an event key: always the same for the same key."""
    return hash_key(key) * lanes >> _HASH_BITS


@lru_cache(maxsize=1 << 12)
def address_of(lane: int, lanes: int) -> Address:
    """Return the one address of a lane, inside the lane's own slice."""
    for attempt in count():
        name = f"lane-{lane}-{attempt}"
        if lane_of(name, lanes) == lane:
            return Address(partition_key=name, explicit_hash_key=str(hash_key(name)))
    raise AssertionError("unreachable: count() does not end")

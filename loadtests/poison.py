"""Poison: departures that break their contract on purpose, and must end in quarantine."""

import re
from collections.abc import Callable, Sequence
from typing import Final


def _cut(body: bytes) -> bytes:
    return body[: len(body) * 2 // 3]


def _wrong_type(body: bytes) -> bytes:
    return re.sub(rb'"distance_miles":\d+', b'"distance_miles":"far"', body)


def _missing(body: bytes) -> bytes:
    return re.sub(rb'"origin":"[^"]*",', b"", body)


def _out_of_range(body: bytes) -> bytes:
    return re.sub(rb'"flight":\d+', b'"flight":987654321', body)


KINDS: Final[Sequence[Callable[[bytes], bytes]]] = (_cut, _wrong_type, _missing, _out_of_range)
"""Truncated text, a wrong type, a missing field, a value out of range; in turn."""


def places(events: int, poison: int) -> frozenset[int]:
    """Return the sequences, spread evenly over a producer's events, that are poison."""
    return frozenset((number + 1) * events // (poison + 1) for number in range(poison))


def spoil(bodies: list[bytes], first: int, sequences: frozenset[int]) -> list[int]:
    """Spoil, in place, the bodies of these sequences; return where in `bodies` they stand."""
    spoiled = sorted(
        sequence - first for sequence in sequences if first <= sequence < first + len(bodies)
    )
    for place in spoiled:
        kind = KINDS[sorted(sequences).index(first + place) % len(KINDS)]
        bodies[place] = kind(bodies[place])
    return spoiled

"""One checksum of an event, the same from a producer's values as from the lake's columns."""

import hashlib
from collections.abc import Mapping

from pipeline.core.contract import Contract

_NULL = "\x00"
_SEPARATOR = "\x1f"


def checksum(event: Mapping[str, object], contract: Contract) -> int:
    """Return the unsigned 64-bit checksum of the contract's `checksum_fields`, in their order.

    Strings stand as they are, integers in decimal, an absent field as NUL; joined by the unit
    separator; the first eight bytes of the MD5, little-endian. Fields must be strings or integers.
    """
    text = _SEPARATOR.join(
        _NULL if (value := event.get(name)) is None else str(value)
        for name in contract.checksum_fields
    )
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little")

"""A Pulsar message's id as one number that orders as the messages do, and back."""

from typing import Final, NamedTuple

from pipeline.core.records import Position

_ENTRY_BITS: Final = 40
_BATCH_BITS: Final = 24
_ENTRY_END: Final = 1 << _ENTRY_BITS
_BATCH_END: Final = (1 << _BATCH_BITS) - 1
"""Far more than a ledger's entries (50,000 by default) or a batch's messages (1,000) come to."""


class MessagePlace(NamedTuple):
    """Where a message lies in its partition: ledger, entry, and place in a batch or -1.

    A topic's ledger ids grow, though not by one; a chunked message lies where its last chunk does,
    because that is when it is delivered.
    """

    ledger: int
    entry: int
    batch_index: int = -1


def pack(place: MessagePlace) -> Position:
    """Return a place as a position. Raises ValueError for what no broker makes."""
    ledger, entry, batch_index = place
    if not (ledger >= 0 and 0 <= entry < _ENTRY_END and -1 <= batch_index < _BATCH_END):
        raise ValueError(f"no message lies at {place}")
    return Position(((ledger << _ENTRY_BITS | entry) << _BATCH_BITS) + batch_index + 1)


def unpack(position: Position) -> MessagePlace:
    """Return the place of a position."""
    rest, batch = divmod(position, 1 << _BATCH_BITS)
    ledger, entry = divmod(rest, _ENTRY_END)
    return MessagePlace(ledger, entry, batch - 1)

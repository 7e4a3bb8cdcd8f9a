"""How many entries of a partition follow a position, though the client counts none across ledgers.

A reader that is set past the end of a ledger begins with the next one. So a ledger's end is found
by halving, once: an older ledger takes nothing more in.
"""

from collections.abc import Callable
from typing import Final

from pipeline.core.records import ShardId
from pipeline.sources.pulsar_position import MessagePlace

LEDGERS_MAX: Final = 16
"""How many ledgers are counted at most: what lies beyond is so far that "at least" will do."""

LEDGER_ENTRIES: Final = 1 << 16
"""More than a ledger mostly has (broker.conf, managedLedgerMaxEntriesPerLedger = 50000)."""

FirstAt = Callable[[MessagePlace], MessagePlace | None]
"""Returns the first message at a place of a partition or after it, None where there is none."""


class LedgerEnds:
    """Remembers where ledgers end; safe to share between threads, which at worst look twice."""

    def __init__(self) -> None:
        self._next: dict[tuple[ShardId, int], tuple[int, int]] = {}

    def lag(
        self, shard: ShardId, after: MessagePlace, newest: MessagePlace, first_at: FirstAt
    ) -> int:
        """Return how many entries follow a place, up to the newest; at least so many if too far."""
        counted = 0
        place = after
        for _ in range(LEDGERS_MAX):
            if place.ledger >= newest.ledger:
                return counted + max(0, newest.entry - place.entry)
            end = self._end(shard, place, first_at)
            if end is None:
                break
            entries, ledger = end
            counted += max(0, entries - 1 - place.entry)
            place = MessagePlace(ledger, -1)
        return counted

    def _end(
        self, shard: ShardId, place: MessagePlace, first_at: FirstAt
    ) -> tuple[int, int] | None:
        """Return how many entries a ledger has, and which ledger comes after it."""
        known = self._next.get((shard, place.ledger))
        if known is not None:
            return known
        inside, outside = max(place.entry, 0), LEDGER_ENTRIES
        beyond = first_at(MessagePlace(place.ledger, outside))
        while beyond is not None and beyond.ledger == place.ledger:
            inside, outside = beyond.entry, 2 * outside
            beyond = first_at(MessagePlace(place.ledger, outside))
        if beyond is None:
            return None
        while outside - inside > 1:
            middle = (inside + outside) // 2
            found = first_at(MessagePlace(place.ledger, middle))
            if found is not None and found.ledger == place.ledger:
                inside = found.entry
            else:
                outside = middle
        found_end = (inside + 1, beyond.ledger)
        self._next[shard, place.ledger] = found_end
        return found_end

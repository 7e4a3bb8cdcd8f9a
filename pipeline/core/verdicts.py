"""What becomes of each event beside the ids that were seen: new, a copy, or in conflict."""

from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pipeline.core.dedupe import SeenIds
from pipeline.core.lines import Ints, Mask, Words
from pipeline.core.runs import Entries

Verdicts = npt.NDArray[np.int8]


class Verdict(IntEnum):
    """NEW: keep its fate. DUPLICATE: drop it. CONFLICT: quarantine it, its id has another body."""

    NEW = 0
    DUPLICATE = 1
    CONFLICT = 2


def judge(events: Entries, *, replayed: Mask, by_id: Ints, seen: SeenIds) -> Verdicts:
    """Return the verdict on each event; they come in stream order, `by_id` is theirs by id.

    An entry counts for an event if it has its id and did not arrive more than the window before it;
    for a replayed event an entry that was quarantined does not count (protocol.md, T23). With a
    counting entry of the same body the event is a duplicate, with counting entries of other bodies
    only it is a conflict. Each event that is no duplicate becomes an entry for those after it; an
    invalid event stays quarantined for its own reason and is never called a conflict.
    """
    ids = events.ids[by_id]
    places, entries = seen.find(ids)
    places = by_id[places]
    twin = ids[1:] == ids[:-1]
    verdicts = _judge_single(events, replayed, places, entries, seen.window_ms)
    if twin.any():
        again = np.zeros(len(by_id), dtype=np.bool_)
        again[by_id[1:][twin]] = again[by_id[:-1][twin]] = True
        repeated = _Repeated(
            known=_by_id(events.ids[places], entries),
            events=events,
            replayed=replayed,
            window_ms=seen.window_ms,
        )
        for place in np.flatnonzero(again).tolist():
            verdicts[place] = repeated.judge(place)
    return verdicts


def _judge_single(
    events: Entries, replayed: Mask, places: Ints, entries: Entries, window_ms: int
) -> Verdicts:
    """Return the verdicts as far as the seen entries alone decide."""
    verdicts = np.zeros(len(events.ids), dtype=np.int8)
    if len(places):
        counts = entries.arrival_ms >= events.arrival_ms[places] - window_ms
        counts &= ~(replayed[places] & entries.quarantined)
        same = counts & (entries.bodies == events.bodies[places])
        verdicts[places[counts & ~events.quarantined[places]]] = Verdict.CONFLICT
        verdicts[places[same]] = Verdict.DUPLICATE
    return verdicts


_Known = dict[int, list[tuple[int, int, bool]]]


def _by_id(ids: Words, entries: Entries) -> _Known:
    """Return body, arrival time and disposition of the entries of each id."""
    known: _Known = defaultdict(list)
    rows = zip(
        ids.tolist(),
        entries.bodies.tolist(),
        entries.arrival_ms.tolist(),
        entries.quarantined.tolist(),
        strict=True,
    )
    for event_id, *entry in rows:
        known[event_id].append((entry[0], entry[1], entry[2]))
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repeated:
    """Judges events whose ids stand several times in the batch, one after the other."""

    known: _Known
    events: Entries
    replayed: Mask
    window_ms: int

    def judge(self, place: int) -> Verdict:
        """Return the verdict on one event and note it as an entry for those after it."""
        body, arrival_ms = int(self.events.bodies[place]), int(self.events.arrival_ms[place])
        quarantined = bool(self.events.quarantined[place])
        earlier = self.known[int(self.events.ids[place])]
        bodies = [
            entry_body
            for entry_body, entry_ms, entry_quarantined in earlier
            if entry_ms >= arrival_ms - self.window_ms
            and not (entry_quarantined and self.replayed[place])
        ]
        if body in bodies:
            return Verdict.DUPLICATE
        conflict = bool(bodies) and not quarantined
        earlier.append((body, arrival_ms, quarantined or conflict))
        return Verdict.CONFLICT if conflict else Verdict.NEW

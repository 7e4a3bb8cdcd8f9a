"""The ids of a batch as the seen set knows them: hashes, fingerprints, arrival times and fates."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipeline.core.contract import TYPE_FIELD
from pipeline.core.decode import Decoded
from pipeline.core.hashing import fingerprint_rows, hash_spans, hash_strings, table_seed
from pipeline.core.lines import Ints, Lines, Mask, Words
from pipeline.core.runs import Entries
from pipeline.core.verdicts import Verdict, Verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The events of a batch whose id is known, in stream order; `line` holds their lines.

    `by_id` is their order by id, needed twice.
    """

    line: Ints
    entries: Entries
    replayed: Mask
    by_id: Ints

    def learned(self, verdicts: Verdicts) -> Entries:
        """Return, sorted by id, what these events add to the seen set, with the fates they got."""
        quarantined = self.entries.quarantined | (verdicts == Verdict.CONFLICT)
        new = (verdicts != Verdict.DUPLICATE)[self.by_id]
        return replace(self.entries, quarantined=quarantined).take(self.by_id[new])


def identify(lines: Lines, decoded: Decoded) -> Identified:
    """Return the ids of valid events, and of rejected lines as far as they claim one.

    An id is told apart by its table. The fingerprint is of a valid event's other values, of a
    rejected line's bytes.
    """
    line: list[Ints] = []
    ids: list[Words] = []
    bodies: list[Words] = []
    for events in decoded.events:
        column = events.rows.column(events.contract.id_field).combine_chunks()
        line.append(events.line)
        ids.append(hash_strings(column, seed=table_seed(events.contract.table)))
        bodies.append(
            fingerprint_rows(events.rows.drop_columns([TYPE_FIELD, events.contract.id_field]))
        )
    claiming = [each for each in decoded.rejected if each.claims.event_id is not None]
    valid = sum(map(len, line))
    if claiming:
        line.append(np.array([each.line for each in claiming], dtype=np.int64))
        claimed = pa.array([each.claims.event_id for each in claiming], pa.string())
        seeds = np.array([table_seed(each.claims.table) for each in claiming], dtype=np.uint64)
        ids.append(hash_strings(claimed, seed=seeds))
        bodies.append(hash_spans(lines.buffer, lines.start[line[-1]], lines.end[line[-1]]))
    if not line:
        line, ids = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint64)]
        bodies = ids
    ordinals = np.concatenate(line)
    order = np.argsort(ordinals, kind="stable")
    ordinals = ordinals[order]
    entries = Entries(
        ids=np.concatenate(ids)[order],
        bodies=np.concatenate(bodies)[order],
        arrival_ms=lines.arrival_ms[ordinals],
        quarantined=order >= valid,
    )
    replays = np.array([payload.replay for payload in lines.payloads], dtype=np.bool_)
    payload = lines.payload[ordinals]
    return Identified(
        line=ordinals,
        entries=entries,
        replayed=replays[payload] if len(payload) else entries.quarantined,
        by_id=np.argsort(entries.ids),
    )

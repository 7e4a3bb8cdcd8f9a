"""Where a commit must end early: before the record that would span it over too many partitions."""

from collections.abc import Iterator

import numpy as np

from pipeline.core.batch import Batch, Limits
from pipeline.core.decode import Decoded, Events, Rejected
from pipeline.core.diagnose import read_claims
from pipeline.core.intake import Intake
from pipeline.core.lines import Ints, Lines
from pipeline.core.partition import event_hours
from pipeline.core.reasons import Reason, ReasonCode
from pipeline.core.units import HOUR_MS


def records_within(
    intake: Intake, lines: Lines, decoded: Decoded, batch: Batch, limits: Limits
) -> int:
    """Return how many records, at least one, open no more than `partitions_max` partitions.

    Copies count as well: they are told apart only afterwards, and a shorter commit is no error.
    """
    opened = sorted(_first_records(intake, lines, decoded, batch))
    if len(opened) <= limits.partitions_max:
        return intake.records
    return max(1, opened[limits.partitions_max])


def _first_records(intake: Intake, lines: Lines, decoded: Decoded, batch: Batch) -> Iterator[int]:
    """Yield for each partition of lake and quarantine the record that opens it."""
    for events in decoded.events:
        _, first = np.unique(event_hours(events), return_index=True)
        yield from lines.record[events.line[first]].tolist()
    bad = [refused.record for refused in intake.refused]
    bad += lines.record[[rejected.line for rejected in decoded.rejected]].tolist()
    opened: dict[int, int] = {}
    for record in sorted(bad):
        opened.setdefault(batch.records[record].arrival_ms // HOUR_MS, record)
    yield from opened.values()


def trim(decoded: Decoded, lines: Lines, records: int) -> Decoded:
    """Return what of `decoded` belongs to the first `records` records."""
    lines_max = int(np.searchsorted(lines.record, records))
    trimmed = Decoded(rejected=[each for each in decoded.rejected if each.line < lines_max])
    for events in decoded.events:
        count = int(np.searchsorted(events.line, lines_max))
        if count:
            kept = Events(
                contract=events.contract,
                rows=events.rows.slice(0, count),
                line=events.line[:count],
            )
            trimmed.events.append(kept)
    return trimmed


def trim_intake(intake: Intake, records: int) -> Intake:
    """Return what of `intake` belongs to the first `records` records."""
    return Intake(
        records=records,
        payloads=[each for each in intake.payloads if each.record < records],
        refused=[each for each in intake.refused if each.record < records],
    )


def quarantine_excess(decoded: Decoded, lines: Lines, partitions_max: int) -> Decoded:
    """Return `decoded` with the events beyond its first `partitions_max` partitions rejected.

    For a record that spans too many alone: it cannot be shortened, and a commit names every file.
    """
    room = partitions_max
    bounded = Decoded(rejected=list(decoded.rejected))
    for events in decoded.events:
        hours = event_hours(events)
        values, first = np.unique(hours, return_index=True)
        kept = np.isin(hours, values[np.argsort(first)[:room]])
        room -= min(room, len(values))
        bounded.rejected += [
            _excess(lines, ordinal, events, partitions_max)
            for ordinal in events.line[~kept].tolist()
        ]
        if kept.any():
            bounded.events.append(select(events, np.flatnonzero(kept)))
    return bounded


def select(events: Events, rows: Ints) -> Events:
    """Return the chosen rows, rising, of `events`."""
    if len(rows) == len(events.line):
        return events
    return Events(contract=events.contract, rows=events.rows.take(rows), line=events.line[rows])


def _excess(lines: Lines, ordinal: int, events: Events, partitions_max: int) -> Rejected:
    contract = events.contract
    reason = Reason(
        code=ReasonCode.TOO_MANY_PARTITIONS,
        field=contract.event_time_field,
        detail=f"its record spans more than {partitions_max} tables' hours",
    )
    return Rejected(
        line=ordinal,
        reason=reason,
        claims=read_claims(lines.line(ordinal), id_field=contract.id_field),
        contract_version=contract.version,
    )

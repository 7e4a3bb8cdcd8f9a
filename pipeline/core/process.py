"""The core as one function: a range of records in, encoded files, new ids and counts out.

batch -> take in -> lines -> decode, validate -> cut -> judge -> enrich, partition -> encode
"""

from collections import Counter

import numpy as np

from pipeline.core import cut
from pipeline.core.batch import Batch, Limits, LostRange
from pipeline.core.catalog import Catalog
from pipeline.core.decode import decode
from pipeline.core.dedupe import SeenIds
from pipeline.core.encode import Partition, write_files
from pipeline.core.identify import identify
from pipeline.core.intake import take_in
from pipeline.core.lines import Lines
from pipeline.core.partition import arrange
from pipeline.core.quarantine import quarantine_partitions, quarantine_rows
from pipeline.core.result import Attempt, CoreResult, Counts, Measured
from pipeline.core.runs import encode_ids
from pipeline.core.taken import Taken
from pipeline.core.verdicts import Verdict, judge
from pipeline.errors import BrokenInvariant

__all__ = ["Batch", "Limits", "LostRange", "process"]


def process(
    batch: Batch, *, attempt: Attempt, seen: SeenIds, catalog: Catalog, limits: Limits
) -> CoreResult:
    """Return the whole effect of the records up to `CoreResult.last`, which may lie before the end.

    Every event received is stored, dropped as a copy, or quarantined with its reason. Equal
    arguments give equal bytes.

    Raises:
        BrokenInvariant: the batch is empty, or events went missing on the way.
    """
    if not batch.records and not batch.lost:
        raise BrokenInvariant("an empty batch has no effect to compute")
    intake = take_in(batch, limits)
    lines = Lines.of(intake.payloads, batch.records)
    decoded = decode(lines, catalog)
    records = cut.records_within(intake, lines, decoded, batch, limits)
    if records < intake.records:
        intake, decoded = cut.trim_intake(intake, records), cut.trim(decoded, lines, records)
    if records == 1:
        decoded = cut.quarantine_excess(decoded, lines, limits.record_partitions_max)
    taken = Taken(batch=batch, intake=intake, lines=lines, decoded=decoded)
    return _commit(taken, attempt=attempt, seen=seen, catalog=catalog)


def _commit(taken: Taken, *, attempt: Attempt, seen: SeenIds, catalog: Catalog) -> CoreResult:
    """Judge, enrich, partition and encode what was taken."""
    last, lost = taken.extent()
    lines, decoded = taken.lines, taken.decoded
    identified = identify(lines, decoded)
    verdicts = judge(
        identified.entries, replayed=identified.replayed, by_id=identified.by_id, seen=seen
    )
    verdict = np.zeros(len(lines), dtype=np.int8)
    verdict[identified.line] = verdicts
    partitions: list[Partition] = []
    measured: list[Measured] = []
    for events in decoded.events:
        new = cut.select(events, np.flatnonzero(verdict[events.line] == Verdict.NEW))
        if len(new.line):
            partitions += arrange(new, lines, batch=taken.batch, catalog=catalog)
            measured += catalog.measured(new.contract.table, new.rows)
    stored = sum(partition.rows.num_rows for partition in partitions)
    rows = quarantine_rows(taken, lost=lost, verdict=verdict)
    partitions += quarantine_partitions(rows, shard=attempt.shard)
    counts = Counts(
        records=taken.intake.records,
        received=taken.received + len(lost),
        stored=stored,
        duplicates=int((verdict == Verdict.DUPLICATE).sum()),
        quarantined=len(rows),
        quarantined_by_reason=Counter(row.reason.code for row in rows),
    )
    if counts.received != counts.stored + counts.duplicates + counts.quarantined:
        raise BrokenInvariant(
            f"events do not add up after {attempt.first} of {attempt.shard}: {counts}"
        )
    return CoreResult(
        last=last,
        files=write_files(partitions, attempt=attempt, last=last),
        ids=encode_ids(identified.learned(verdicts)),
        counts=counts,
        arrival_ms_max=taken.arrival_ms_max,
        measured=tuple(measured),
    )

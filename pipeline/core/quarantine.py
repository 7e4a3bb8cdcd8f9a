"""The quarantine table: what could not be stored, as it was sent, with where and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from pipeline.core.batch import LostRange
from pipeline.core.contract import QUARANTINE_FIELDS
from pipeline.core.decode import Events, Rejected
from pipeline.core.diagnose import Claims
from pipeline.core.encode import Partition
from pipeline.core.intake import lost_reason
from pipeline.core.reasons import Reason, ReasonCode, shortened
from pipeline.core.schema import schema_of
from pipeline.core.taken import Taken
from pipeline.core.units import HOUR_MS
from pipeline.core.verdicts import Verdict, Verdicts
from pipeline.names import QUARANTINE_TABLE, REPLAY_KEY_PREFIX

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """One event, or what held events and could not be split; named as `QUARANTINE_FIELDS`."""

    reason: Reason
    position: int
    index: int
    arrival_ms: int
    partition_key: str
    replay: bool
    raw: bytes
    table: str | None = None
    contract_version: int | None = None
    event_id: str | None = None


def quarantine_rows(
    taken: Taken, *, lost: Iterable[LostRange], verdict: Verdicts
) -> list[QuarantineRow]:
    """Return a row for all that was taken and neither stored nor dropped as a copy, in its order.

    `verdict` holds one for each line.
    """
    rows = [_lost_row(each, taken) for each in lost]
    for refused in taken.intake.refused:
        record = taken.batch.records[refused.record]
        rows.append(
            QuarantineRow(
                reason=refused.reason,
                position=record.position,
                index=refused.index,
                arrival_ms=record.arrival_ms,
                partition_key=refused.partition_key,
                replay=refused.partition_key.startswith(REPLAY_KEY_PREFIX),
                raw=refused.raw,
            )
        )
    rows += [
        _line_row(rejected, taken)
        for rejected in taken.decoded.rejected
        if verdict[rejected.line] != Verdict.DUPLICATE
    ]
    for events in taken.decoded.events:
        places = np.flatnonzero(verdict[events.line] == Verdict.CONFLICT).tolist()
        rows += [_line_row(_conflicting(events, place), taken) for place in places]
    return sorted(rows, key=lambda row: (row.position, row.index))


def _lost_row(lost: LostRange, taken: Taken) -> QuarantineRow:
    """Return the one row that stands for a range nobody can give back."""
    newest_ms = lost.arrival_ms if lost.arrival_ms is not None else taken.arrival_ms_max
    return QuarantineRow(
        reason=lost_reason(lost),
        position=lost.first,
        index=0,
        arrival_ms=newest_ms,
        partition_key="",
        replay=False,
        raw=b"",
    )


def _conflicting(events: Events, place: int) -> Rejected:
    """Return a valid event as rejected because its id was seen with another body."""
    contract = events.contract
    event_id = events.rows.column(contract.id_field)[place].as_py()
    detail = f"{shortened(event_id)} was seen with another body within the window"
    return Rejected(
        line=int(events.line[place]),
        reason=Reason(
            code=ReasonCode.CONFLICTING_DUPLICATE, field=contract.id_field, detail=detail
        ),
        claims=Claims(table=contract.table, event_id=event_id),
        contract_version=contract.version,
    )


def _line_row(rejected: Rejected, taken: Taken) -> QuarantineRow:
    lines, line = taken.lines, rejected.line
    payload = lines.payloads[int(lines.payload[line])]
    return QuarantineRow(
        reason=rejected.reason,
        position=taken.batch.records[payload.record].position,
        index=int(lines.index[line]),
        arrival_ms=int(lines.arrival_ms[line]),
        partition_key=payload.partition_key,
        replay=payload.replay,
        raw=lines.line(line),
        table=rejected.claims.table,
        contract_version=rejected.contract_version,
        event_id=rejected.claims.event_id,
    )


def quarantine_partitions(rows: list[QuarantineRow], *, shard: str) -> list[Partition]:
    """Return the rows as partitions by the hour of their arrival, in their order."""
    if not rows:
        return []
    hours = np.array([row.arrival_ms // HOUR_MS for row in rows], dtype=np.int64)
    table = pa.table(
        {
            "table": [row.table for row in rows],
            "reason": [row.reason.code for row in rows],
            "field": [row.reason.field for row in rows],
            "detail": [row.reason.detail for row in rows],
            "contract_version": [row.contract_version for row in rows],
            "shard": [shard] * len(rows),
            "position": [str(row.position) for row in rows],
            "index": [row.index for row in rows],
            "event_id": [row.event_id for row in rows],
            "arrival_time": [row.arrival_ms for row in rows],
            "partition_key": [row.partition_key for row in rows],
            "replay": [row.replay for row in rows],
            "raw": [row.raw for row in rows],
        },
        schema=schema_of(QUARANTINE_FIELDS),
    )
    return [
        Partition(
            table=QUARANTINE_TABLE,
            contract_version=_VERSION,
            hour=hour,
            rows=table.filter(pa.array(hours == hour)),
        )
        for hour in np.unique(hours).tolist()
    ]

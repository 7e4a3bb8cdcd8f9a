"""Replay: quarantined rows, sent again as they were, for the core to judge anew (T23, T24)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.audit.quarantined import payloads_of, readable_ids
from pipeline.core.contract import Contract
from pipeline.core.payload import compress
from pipeline.names import QUARANTINE_TABLE, REPLAY_KEY_PREFIX
from pipeline.producer.lanes import Address, hash_key
from pipeline.producer.queues import Shipment
from pipeline.producer.single import send_record
from pipeline.producer.transport import Transport

PARTITION_KEY_CHARACTERS_MAX: Final = 256
"""Kinesis API reference, PutRecord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One row of quarantine that can be sent again; `file` is its path below the lake.

    `shard` is the one that it came by.
    """

    file: str
    reason: str
    event_id: str | None
    shard: str
    partition_key: str
    raw: bytes
    arrival_ms: int = 0
    """When its record arrived on the stream, in ms since the epoch."""


def read_quarantine(lake: Path) -> tuple[list[Quarantined], int]:
    """Return the rows of a local copy of the lake that hold bytes, and how many hold none.

    A row without bytes stands for records that nobody could give back: nothing can be sent again.
    """
    rows: list[Quarantined] = []
    without_bytes = 0
    for path in sorted((lake / QUARANTINE_TABLE).rglob("*.parquet")):
        columns = ["reason", "event_id", "shard", "partition_key", "raw", "arrival_time"]
        for row in pq.read_table(path, columns=columns, partitioning=None).to_pylist():
            arrival_ms = round(row.pop("arrival_time").timestamp() * 1000)
            if row["raw"]:
                file = path.relative_to(lake).as_posix()
                rows.append(Quarantined(file=file, arrival_ms=arrival_ms, **row))
            else:
                without_bytes += 1
    return rows, without_bytes


def stored_ids(lake: Path, contracts: Iterable[Contract], ids: frozenset[str]) -> frozenset[str]:
    """Return which of the ids a local copy of the lake holds."""
    found: set[str] = set()
    for contract in contracts:
        files = [str(path) for path in sorted((lake / contract.table).rglob("*.parquet"))]
        if files and ids:
            column = ds.dataset(files, format="parquet").to_table(
                columns=[contract.id_field],
                filter=ds.field(contract.id_field).isin(sorted(ids)),
            )
            found.update(column.column(contract.id_field).to_pylist())
    return frozenset(found)


def ids_of(row: Quarantined, id_fields: Iterable[str]) -> frozenset[str]:
    """Return the ids that a row stands for: its own, else what its unread bytes show (T25)."""
    if row.event_id is not None:
        return frozenset((row.event_id,))
    return frozenset(readable_ids(row.raw, id_fields))


def unstored(row: Quarantined, stored: frozenset[str], id_fields: Iterable[str]) -> bytes | None:
    """Return what of a row is to be sent again, None when the lake has all of it.

    A record that was quarantined unread holds many events, and copies of some may have come by
    another way longer ago than the window reaches: only its other lines are sent (T24, T25).
    """
    fields = tuple(id_fields)
    if not ids_of(row, fields) & stored:
        return row.raw
    if row.event_id is not None:
        return None
    lines = [line for body in payloads_of(row.raw) for line in body.split(b"\n") if line.strip()]
    left = [line for line in lines if stored.isdisjoint(readable_ids(line, fields))]
    return compress(b"\n".join(left)) if left else None


def address(partition_key: str) -> Address:
    """Return partition key and explicit hash key of a replayed record: marked, to the same shard.

    The hash key is that of the row's own partition key, so that the ids of its shard and of all its
    ancestors are known there (T16, T17).
    """
    own = partition_key.removeprefix(REPLAY_KEY_PREFIX)
    marked = (REPLAY_KEY_PREFIX + own)[:PARTITION_KEY_CHARACTERS_MAX]
    return Address(partition_key=marked, explicit_hash_key=str(hash_key(own)))


def send_again(transport: Transport, row: Quarantined) -> None:
    """Put one row on the stream again: on Kinesis by its key, else on the partition it came by.

    Raises OutcomeUnknown without a certain answer: the claim then stays, and a later replay looks
    the id up before it sends the row once more.
    """
    # A shard's name ends in its number, and lane n of a topic is its partition n.
    lane = int(row.shard.rpartition("-")[2])
    record: Shipment[None] = Shipment(
        address=address(row.partition_key), lane=lane, opened_at=0.0, data=row.raw
    )
    send_record(transport, record)

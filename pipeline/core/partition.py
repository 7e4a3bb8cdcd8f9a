"""From valid events to partitions: enriched, with the system's columns, by event hour, sorted."""

import itertools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.batch import Batch
from pipeline.core.catalog import Catalog, Enricher
from pipeline.core.contract import Contract
from pipeline.core.decode import Events
from pipeline.core.encode import Partition
from pipeline.core.lines import Ints, Lines
from pipeline.core.schema import TYPES, table_schema
from pipeline.core.units import HOUR_MS
from pipeline.errors import UserError

_HOUR_BITS: Final = 22
"""Enough for the milliseconds of an hour."""


def event_hours(events: Events) -> Ints:
    """Return the hour since the epoch of each event."""
    time_ms = events.rows.column(events.contract.event_time_field).to_numpy()
    return np.asarray(time_ms // HOUR_MS, dtype=np.int64)


def arrange(events: Events, lines: Lines, *, batch: Batch, catalog: Catalog) -> list[Partition]:
    """Return the events as partitions by hour, each sorted by key, event time, stream order."""
    contract = events.contract
    hours = event_hours(events)
    order = _order(hours, events.rows, contract)
    rows, line, hours = events.rows.take(pa.array(order)), events.line[order], hours[order]
    columns = {name: rows.column(name).combine_chunks() for name in rows.column_names}
    enricher = catalog.enrichers.get(contract.table)
    if enricher is not None:
        columns |= _enriched(enricher, rows, contract)
    positions = pa.array([str(record.position) for record in batch.records], pa.string())
    record = pa.array(lines.record[line], pa.int32())
    columns["_position"] = pa.DictionaryArray.from_arrays(record, positions)
    columns["_index"] = pa.array(lines.index[line])
    columns["_arrival_time"] = pa.array(lines.arrival_ms[line])
    fields = [_as_declared(columns[declared.name], declared) for declared in table_schema(contract)]
    table = pa.table([column for column, _ in fields], schema=pa.schema([f for _, f in fields]))
    bounds = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
    return [
        Partition(
            table=contract.table,
            contract_version=contract.version,
            hour=int(hours[first]),
            rows=table.slice(first, after - first),
            sorted_by=(contract.key_field, contract.event_time_field),
            id_field=contract.id_field,
        )
        for first, after in itertools.pairwise(bounds)
    ]


def _enriched(
    enricher: Enricher, rows: pa.Table, contract: Contract
) -> Mapping[str, "pa.Array[Any]"]:
    """Return the columns that an enricher adds.

    Raises:
        UserError: they are not the contract's `enriched`, each with a value for every event.
    """
    columns = enricher(rows)
    wanted = {each.name: f"{rows.num_rows} {TYPES[each.type]}" for each in contract.enriched}
    got = {name: f"{len(column)} {_value_type(column)}" for name, column in columns.items()}
    if got != wanted:
        raise UserError(
            f"the enricher of {contract.table!r} made columns {got}, its contract wants {wanted}"
        )
    return columns


def _value_type(column: "pa.Array[Any]") -> pa.DataType:
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _as_declared(column: pa.Array, declared: pa.Field) -> tuple[pa.Array, pa.Field]:
    """Return a column with the declared type (a string may stay a dictionary) and its field."""
    if declared.type == TYPES["timestamp_ms"] and column.type == pa.int64():
        column = column.view(declared.type)
    if pa.types.is_dictionary(column.type):
        declared = declared.with_type(column.type)
    return column, declared


def _order(hours: Ints, rows: pa.Table, contract: Contract) -> Ints:
    """Return the order by hour, key, event time and place; in one integer where they fit."""
    event_time = rows.column(contract.event_time_field)
    key = rows.column(contract.key_field).combine_chunks()
    if not pa.types.is_dictionary(key.type):
        key = key.dictionary_encode()
    rank = np.empty(len(key.dictionary), dtype=np.int64)
    rank[pc.sort_indices(key.dictionary).to_numpy()] = np.arange(len(rank))
    ranks = rank[key.indices.to_numpy()]
    time_ms = event_time.to_numpy() - hours * HOUR_MS
    hour = hours - hours.min()
    place_bits, rank_bits = len(hours).bit_length(), len(rank).bit_length()
    if int(hour.max()).bit_length() + rank_bits + _HOUR_BITS + place_bits > 63:
        return np.lexsort((time_ms, ranks, hour))
    packed = ((hour << rank_bits | ranks) << _HOUR_BITS | time_ms) << place_bits
    packed |= np.arange(len(hours))
    packed.sort()
    order: Ints = packed & ((1 << place_bits) - 1)
    return order

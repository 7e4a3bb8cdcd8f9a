"""A contract's rules over whole columns; the twin of `pipeline.core.diagnose`, a line at a time."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.contract import Contract, Field
from pipeline.core.diagnose import bounds
from pipeline.core.lines import Ints, Mask


def valid_rows(rows: pa.Table, contract: Contract, arrival_ms: Ints) -> Mask | None:
    """Return which rows meet every rule; None, the common case, when all do.

    `rows` is one bulk read (JSON types, no row chunked) and `arrival_ms` its rows' arrival.
    UTF-8 is checked on the lines (`Lines.not_utf8`).
    """
    broken: list[Mask] = []
    for field in contract.fields:
        column = rows.column(field.name).combine_chunks()
        if field.required and column.null_count:
            broken.append(_mask(pc.is_null(column)))
        if field.type == "string":
            broken += _broken_text(column, field)
        elif field.type != "bool":
            broken += _broken_number(column, field)
    event_time = rows.column(contract.event_time_field)
    offset = event_time.fill_null(0).to_numpy() - arrival_ms
    late = (offset < -contract.past_ms_max) | (offset > contract.future_ms_max)
    if late.any():
        broken.append(late)
    return ~np.logical_or.reduce(broken) if broken else None


def _broken_text(column: pa.StringArray, field: Field) -> list[Mask]:
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    size = pc.binary_length(values)
    longest = pc.max(size).as_py()
    broken = []
    if longest is not None and longest > field.max_bytes:
        broken.append(pc.greater(size, field.max_bytes))
    if field.one_of:
        allowed = pc.is_in(values, value_set=pa.array((*field.one_of, None), pa.string()))
        if not pc.all(allowed).as_py():
            broken.append(pc.invert(allowed))
    if values is not column:
        broken = [each.take(column.indices) for each in broken]
    return [_mask(each) for each in broken]


def _broken_number(column: pa.Array, field: Field) -> list[Mask]:
    low, high = bounds(field)
    finite = field.type != "float64" or pc.all(pc.is_finite(column)).as_py() is not False
    broken = [] if finite else [_mask(pc.invert(pc.is_finite(column)))]
    extent = pc.min_max(column).as_py()
    if finite and (extent["min"] is None or (low <= extent["min"] and extent["max"] <= high)):
        return broken
    for outside, bound, towards in ((pc.less, low, math.ceil), (pc.greater, high, math.floor)):
        if math.isfinite(bound):
            limit = bound if field.type == "float64" else towards(bound)
            broken.append(_mask(outside(column, pa.scalar(limit, column.type))))
    return broken


def _mask(flags: pa.BooleanArray) -> Mask:
    """Return flags as an array; a null value breaks no bound."""
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)

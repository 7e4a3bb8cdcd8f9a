"""A contract's fields as Arrow schemas: of the JSON that is read and the table that is written."""

from collections.abc import Iterable
from functools import cache
from typing import Final

import pyarrow as pa

from pipeline.core.contract import SYSTEM_FIELDS, Contract, Field

TYPES: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp_ms": pa.timestamp("ms", tz="UTC"),
    "binary": pa.binary(),
}


def schema_of(fields: Iterable[Field]) -> pa.Schema:
    """Return the columns of `fields`; a required one is not nullable."""
    return pa.schema(
        [pa.field(field.name, TYPES[field.type], nullable=not field.required) for field in fields]
    )


@cache
def table_schema(contract: Contract) -> pa.Schema:
    """Return the columns of the contract's lake table: its own, the enriched, the system's."""
    return schema_of((*contract.fields, *contract.enriched, *SYSTEM_FIELDS))


@cache
def json_schema(contract: Contract) -> pa.Schema:
    """Return what an event's JSON is read as: a time is an integer there."""
    return pa.schema(
        [
            pa.field(f.name, pa.int64() if f.type == "timestamp_ms" else TYPES[f.type])
            for f in contract.fields
        ]
    )

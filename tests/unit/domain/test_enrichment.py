"""Enrichment against a plain look-up, whatever the column's form, and for keys nobody knows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

import pipeline.domain
from pipeline.domain.enrichment import enrich_actions, enrich_departures

FOLDER = Path(pipeline.domain.__file__).parent / "dimensions"
HOUR_MS = 3_600_000


def rows_of(table: str) -> list[dict]:
    return pq.read_table(FOLDER / f"{table}.parquet").to_pylist()


AIRLINES = {row["carrier"]: row["name"] for row in rows_of("airlines")}
AIRPORTS = {row["faa"]: row["name"] for row in rows_of("airports")}
PLANES = {row["tailnum"]: row for row in rows_of("planes")}
WEATHER = {(row["origin"], int(row["hour"].timestamp()) * 1_000): row for row in rows_of("weather")}
ROWS = st.lists(
    st.tuples(
        st.sampled_from([*AIRLINES, "??"]),
        st.sampled_from([*list(AIRPORTS)[:20], "IAH", "???"]),
        st.sampled_from([*list(PLANES)[:20], "N0"]),
        st.sampled_from(["EWR", "JFK", "LGA", "???"]),
        st.sampled_from([time for _, time in list(WEATHER)[:50]]) | st.integers(0, 2**41),
        st.integers(0, HOUR_MS - 1),
    ),
    min_size=1,
    max_size=30,
)


def events_of(rows: list[tuple], *, encoded: bool) -> pa.Table:
    carrier, destination, aircraft, origin, hour, offset = zip(*rows, strict=True)
    strings = {
        "carrier": pa.array(carrier),
        "destination": pa.array(destination),
        "aircraft": pa.array(aircraft),
        "origin": pa.array(origin),
    }
    if encoded:
        strings = {name: column.dictionary_encode() for name, column in strings.items()}
    times = [a // HOUR_MS * HOUR_MS + b for a, b in zip(hour, offset, strict=True)]
    return pa.table({**strings, "scheduled_departure": pa.array(times, pa.int64())})


@given(ROWS, st.booleans())
def test_departures_gain_what_a_plain_look_up_finds(rows, encoded):
    events = events_of(rows, encoded=encoded)
    columns = {name: each.to_pylist() for name, each in enrich_departures(events).items()}
    for place, event in enumerate(events.to_pylist()):
        plane = PLANES.get(event["aircraft"], {})
        hour_ms = event["scheduled_departure"] // HOUR_MS * HOUR_MS
        weather = WEATHER.get((event["origin"], hour_ms), {})
        assert {name: values[place] for name, values in columns.items()} == {
            "carrier_name": AIRLINES.get(event["carrier"]),
            "destination_name": AIRPORTS.get(event["destination"]),
            **{name: plane.get(name) for name in ("manufacturer", "model", "seats")},
            **{
                name: weather.get(name)
                for name in ("temperature_f", "wind_mph", "visibility_miles")
            },
        }


def test_actions_gain_names():
    events = events_of([("UA", "IAH", "N0", "EWR", 0, 0)], encoded=False)
    assert {name: each.to_pylist() for name, each in enrich_actions(events).items()} == {
        "carrier_name": ["United Air Lines Inc."],
        "destination_name": ["George Bush Intercontinental"],
    }

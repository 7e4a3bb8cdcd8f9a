"""Business metrics say what a commit's flights did, in few values of few dimensions."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.catalog import Catalog
from pipeline.core.result import Measured
from pipeline.domain import catalog
from pipeline.domain.contracts import (
    AIRPORT_DIMENSION,
    DEPARTURE_DELAY,
    DEPARTURE_TO_QUERYABLE_MS,
    DEPARTURES,
    MEASURES,
)
from pipeline.domain.measures import AIRPORTS, OTHER, measure_departures
from pipeline.errors import UserError
from pipeline.metrics import STREAM_DIMENSION, VALUES_MAX

Flight = tuple[int, str, int | None]

flights = st.lists(
    st.tuples(
        st.integers(0, 2**41),
        st.sampled_from((*AIRPORTS, "XNA", "HNL")),
        st.none() | st.integers(-60, 600),
    ),
    min_size=1,
    max_size=300,
)


def table(given_flights: list[Flight], *, dictionary: bool = False) -> pa.Table:
    times, origins, delays = (list(column) for column in zip(*given_flights, strict=True))
    origin = pa.array(origins, pa.string())
    return pa.table(
        {
            "event_time": pa.array(times, pa.int64()),
            "origin": origin.dictionary_encode() if dictionary else origin,
            "departure_delay_minutes": pa.array(delays, pa.int64()),
        }
    )


def by_airport(measured: tuple[Measured, ...]) -> dict[str, float]:
    return {
        each.dimensions[AIRPORT_DIMENSION]: each.values[0] for each in measured if each.dimensions
    }


@given(flights, st.booleans())
def test_means_are_those_of_the_flights_that_left(found: list[Flight], dictionary: bool) -> None:
    measured = measure_departures(table(found, dictionary=dictionary))
    wanted: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for _, origin, delay in found:
        if delay is not None:
            airport = origin if origin in AIRPORTS else OTHER
            wanted[airport] += delay * 60
            counts[airport] += 1
    means = {airport: pytest.approx(wanted[airport] / counts[airport]) for airport in counts}
    assert by_airport(measured) == means
    overall = [m for m in measured if m.metric is DEPARTURE_DELAY and not m.dimensions]
    assert [m.values[0] for m in overall] == (
        [pytest.approx(wanted.total() / counts.total())] if counts else []
    )


@given(flights)
def test_ages_are_few_and_the_oldest_is_among_them(found: list[Flight]) -> None:
    (ages,) = [m for m in measure_departures(table(found)) if m.metric is DEPARTURE_TO_QUERYABLE_MS]
    times = [time for time, _, _ in found]
    assert len(ages.times_ms) <= min(len(times), VALUES_MAX)
    assert min(ages.times_ms) == min(times)
    assert set(ages.times_ms) <= set(times)


def test_what_is_measured_is_catalogued_under_its_dimensions() -> None:
    measured = measure_departures(table([(1, "JFK", 3), (2, "HNL", 4)]))
    assert {each.metric for each in measured} == set(MEASURES)
    for each in measured:
        assert (STREAM_DIMENSION, *each.dimensions) in each.metric.dimensions


def test_a_measure_of_a_table_without_a_contract_is_refused() -> None:
    with pytest.raises(UserError, match="measure of 'flights', but no contract"):
        Catalog(
            contracts=(DEPARTURES,),
            enrichers={DEPARTURES.table: catalog().enrichers[DEPARTURES.table]},
            measures={"flights": measure_departures},
        )


def test_a_table_without_a_measure_has_no_metrics() -> None:
    assert catalog().measured("actions", table([(1, "JFK", 3)])) == ()

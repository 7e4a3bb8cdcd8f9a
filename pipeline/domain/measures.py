"""Business metrics of the contracts: what a commit's events say about flights, not about bytes."""

from typing import Final

import numpy as np
import pyarrow as pa

from pipeline.core.lines import Ints
from pipeline.core.result import Measured
from pipeline.domain.contracts import AIRPORT_DIMENSION, DEPARTURE_DELAY, DEPARTURE_TO_QUERYABLE_MS
from pipeline.metrics import VALUES_MAX

AIRPORTS: Final = ("EWR", "JFK", "LGA")
"""Airports with a metric of their own. A list, not each commit's busiest, which change: each new
value of a dimension is a new metric, billed for its month."""
OTHER: Final = "other"
SECONDS: Final = 60
"""Of a minute."""


def measure_departures(events: pa.Table) -> tuple[Measured, ...]:
    """Return how long ago the flights left, and their mean delay, over all and by airport.

    A cancelled flight has no delay and is left out of the means.
    """
    left = np.asarray(events.column("event_time").to_numpy(), dtype=np.int64)
    measured = [Measured(metric=DEPARTURE_TO_QUERYABLE_MS, times_ms=spread(left))]
    delays = events.column("departure_delay_minutes").combine_chunks()
    flown = delays.is_valid().to_numpy(zero_copy_only=False)
    minutes = delays.fill_null(0).to_numpy()
    slots = _slots(events.column("origin").combine_chunks())[flown]
    flights = np.bincount(slots, minlength=len(AIRPORTS) + 1)
    totals = np.bincount(slots, weights=minutes[flown], minlength=len(AIRPORTS) + 1)
    if flights.sum():
        mean = float(totals.sum() / flights.sum() * SECONDS)
        measured.append(Measured(metric=DEPARTURE_DELAY, values=(mean,)))
    for slot in np.flatnonzero(flights).tolist():
        airport = (*AIRPORTS, OTHER)[slot]
        measured.append(
            Measured(
                metric=DEPARTURE_DELAY,
                values=(float(totals[slot] / flights[slot] * SECONDS),),
                dimensions={AIRPORT_DIMENSION: airport},
            )
        )
    return tuple(measured)


def spread(times_ms: Ints) -> tuple[int, ...]:
    """Return at most as many of the times as one metric's values may be: evenly by their place.

    The oldest is always among them, so that the greatest age is true.
    """
    if len(times_ms) <= VALUES_MAX:
        return tuple(times_ms.tolist())
    step = -(-len(times_ms) // (VALUES_MAX - 1))
    return (*times_ms[::step].tolist(), int(times_ms.min()))


def _slots(airports: pa.Array) -> Ints:
    """Return for each airport its place in AIRPORTS, behind them for another."""
    if not pa.types.is_dictionary(airports.type):
        airports = airports.dictionary_encode()
    places = {airport: place for place, airport in enumerate(AIRPORTS)}
    of_value = [places.get(value, len(AIRPORTS)) for value in airports.dictionary.to_pylist()]
    slots: Ints = np.array(of_value, dtype=np.int64)[airports.indices.to_numpy()]
    return slots

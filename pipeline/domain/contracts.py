"""The three tables that Sluice ships with: departures, web actions and changes of planes."""

from typing import Final

from pipeline.core.contract import Contract, Field
from pipeline.core.units import DAY_MS, HOUR_MS
from pipeline.metrics import BY_STREAM, STREAM_DIMENSION, Metric

_CARRIER = Field(name="carrier", type="string", max_bytes=2, description="IATA carrier code.")
_AIRCRAFT = Field(name="aircraft", type="string", max_bytes=16, description="Tail number.")
_CARRIER_NAME = Field(name="carrier_name", type="string", required=False)
_DESTINATION_NAME = Field(name="destination_name", type="string", required=False)


def _envelope(table: str) -> tuple[Field, ...]:
    """Return the fields that every event of ours opens with."""
    return (
        Field(name="type", type="string", one_of=(table,), description="The table's name."),
        Field(name="id", type="string", max_bytes=64, description="Identifies the event for ever."),
        Field(name="producer", type="string", max_bytes=32, description="Who sent it."),
        Field(name="sequence", type="int64", minimum=0, description="Grows by producer."),
        Field(name="event_time", type="timestamp_ms", description="When it happened, UTC."),
    )


DEPARTURES: Final = Contract(
    table="departures",
    version=1,
    fields=(
        *_envelope("departures"),
        _AIRCRAFT,
        _CARRIER,
        Field(name="flight", type="int64", minimum=0, maximum=99_999),
        Field(name="origin", type="string", max_bytes=3),
        Field(name="destination", type="string", max_bytes=3),
        Field(name="scheduled_departure", type="timestamp_ms", description="As flown in 2013."),
        Field(
            name="departure_delay_minutes",
            type="int64",
            required=False,
            minimum=-1_440,
            maximum=10_080,
            description="Absent for a cancelled flight.",
        ),
        Field(
            name="arrival_delay_minutes",
            type="int64",
            required=False,
            minimum=-1_440,
            maximum=10_080,
        ),
        Field(name="air_time_minutes", type="int64", required=False, minimum=0, maximum=1_440),
        Field(name="distance_miles", type="int64", minimum=0, maximum=12_500),
    ),
    id_field="id",
    key_field="aircraft",
    sequence_field="sequence",
    event_time_field="event_time",
    checksum_fields=(
        "id",
        "producer",
        "sequence",
        "event_time",
        "aircraft",
        "carrier",
        "flight",
        "origin",
        "destination",
        "scheduled_departure",
        "departure_delay_minutes",
        "arrival_delay_minutes",
        "air_time_minutes",
        "distance_miles",
    ),
    past_ms_max=30 * DAY_MS,
    future_ms_max=HOUR_MS,
    enriched=(
        _CARRIER_NAME,
        _DESTINATION_NAME,
        Field(name="manufacturer", type="string", required=False),
        Field(name="model", type="string", required=False),
        Field(name="seats", type="int64", required=False),
        Field(name="temperature_f", type="float64", required=False, description="At origin."),
        Field(name="wind_mph", type="float64", required=False, description="At origin."),
        Field(name="visibility_miles", type="float64", required=False, description="At origin."),
    ),
)

AIRPORT_DIMENSION: Final = "Airport"
DEPARTURE_TO_QUERYABLE_MS: Final = Metric(
    name="DepartureToQueryable",
    unit="Milliseconds",
    meaning="From a departure to its row's visible file: a distribution.",
    origin="domain",
)
DEPARTURE_DELAY: Final = Metric(
    name="DepartureDelay",
    unit="Seconds",
    meaning="Mean delay of a commit's departures, also by airport of origin.",
    origin="domain",
    dimensions=(BY_STREAM, (STREAM_DIMENSION, AIRPORT_DIMENSION)),
)
MEASURES: Final = (DEPARTURE_TO_QUERYABLE_MS, DEPARTURE_DELAY)
"""Business metrics of the contracts; `pipeline.domain.measures` computes them."""

ACTIONS: Final = Contract(
    table="actions",
    version=1,
    fields=(
        *_envelope("actions"),
        Field(name="session", type="string", max_bytes=64),
        Field(name="user", type="string", max_bytes=64),
        Field(
            name="action", type="string", one_of=("search", "view", "book", "check_in", "cancel")
        ),
        _CARRIER,
        Field(name="destination", type="string", max_bytes=3),
        Field(name="price_cents", type="int64", required=False, minimum=0, maximum=10_000_000),
        Field(name="duration_ms", type="int64", minimum=0, maximum=HOUR_MS),
        Field(name="user_agent", type="string", max_bytes=512),
    ),
    id_field="id",
    key_field="session",
    sequence_field="sequence",
    event_time_field="event_time",
    checksum_fields=(
        "id",
        "producer",
        "sequence",
        "event_time",
        "session",
        "user",
        "action",
        "carrier",
        "destination",
        "price_cents",
        "duration_ms",
        "user_agent",
    ),
    past_ms_max=30 * DAY_MS,
    future_ms_max=HOUR_MS,
    enriched=(_CARRIER_NAME, _DESTINATION_NAME),
)

PLANE_CHANGES: Final = Contract(
    table="plane_changes",
    version=1,
    fields=(
        *_envelope("plane_changes"),
        _AIRCRAFT,
        Field(name="operation", type="string", one_of=("create", "update", "delete")),
        Field(name="transaction", type="int64", minimum=0, description="Log sequence number."),
        Field(name="built_year", type="int64", required=False, minimum=1_900, maximum=2_100),
        Field(name="manufacturer", type="string", max_bytes=64),
        Field(name="model", type="string", max_bytes=64),
        Field(name="engines", type="int64", minimum=0, maximum=16),
        Field(name="seats", type="int64", minimum=0, maximum=1_000),
    ),
    id_field="id",
    key_field="aircraft",
    sequence_field="sequence",
    event_time_field="event_time",
    checksum_fields=(
        "id",
        "producer",
        "sequence",
        "event_time",
        "aircraft",
        "operation",
        "transaction",
        "built_year",
        "manufacturer",
        "model",
        "engines",
        "seats",
    ),
    past_ms_max=30 * DAY_MS,
    future_ms_max=HOUR_MS,
)

CONTRACTS: Final = (DEPARTURES, ACTIONS, PLANE_CHANGES)

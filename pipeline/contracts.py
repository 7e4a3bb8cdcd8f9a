"""Every contract of a deployment: those of the domain, and the pipeline's own for its canaries."""

from typing import Final

from pipeline.core.contract import Contract, Field
from pipeline.core.units import DAY_MS, HOUR_MS
from pipeline.domain.contracts import CONTRACTS as DOMAIN
from pipeline.names import CANARY_TABLE

CANARIES: Final = Contract(
    table=CANARY_TABLE,
    version=1,
    fields=(
        Field(name="type", type="string", one_of=(CANARY_TABLE,), description="The table's name."),
        Field(
            name="id", type="string", max_bytes=64, description="Identifies the canary for ever."
        ),
        Field(name="producer", type="string", max_bytes=32, description="Who sent it."),
        Field(name="sequence", type="int64", minimum=0, description="Grows by producer."),
        Field(name="event_time", type="timestamp_ms", description="When it was sent, UTC."),
    ),
    id_field="id",
    # A key of its own each: canaries spread over the shards, and none has to come after another.
    key_field="id",
    sequence_field="sequence",
    event_time_field="event_time",
    checksum_fields=("id", "producer", "sequence", "event_time"),
    past_ms_max=30 * DAY_MS,
    future_ms_max=HOUR_MS,
)

CONTRACTS: Final = (*DOMAIN, CANARIES)

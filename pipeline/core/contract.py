"""Contracts: what an event of a table must look like, as data that code, lake and catalog share."""

from dataclasses import dataclass, field
from typing import Final, Literal

TYPE_FIELD: Final = "type"
"""The field of every event that names its table."""

FieldType = Literal["string", "int64", "float64", "bool", "timestamp_ms", "binary"]
"""As JSON: string; integer; number; true or false; integer ms since the epoch, UTC; none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an event. Bounds are inclusive; `max_bytes` is of the UTF-8 text."""

    name: str
    type: FieldType
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    max_bytes: int = 1024
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The fields of one table's events, and which of them carry the pipeline's meanings.

    An event is a JSON object on one line whose `type` field equals `table`. `id_field` identifies
    it for ever; `event_time_field` (a timestamp_ms) places it in its hour; `key_field` orders it:
    events of one key keep the order of `sequence_field`. `checksum_fields` are covered by the
    end-to-end checksum (`pipeline.audit.checksum`). `enriched` are columns that `pipeline.domain`
    adds.
    """

    table: str
    version: int
    fields: tuple[Field, ...]
    id_field: str
    key_field: str
    sequence_field: str
    event_time_field: str
    checksum_fields: tuple[str, ...]
    past_ms_max: int
    future_ms_max: int
    enriched: tuple[Field, ...] = field(default=())


SYSTEM_FIELDS: tuple[Field, ...] = (
    Field(name="_position", type="string", description="Position of the stream record."),
    Field(name="_index", type="int64", description="Place of the event within its record, from 0."),
    Field(
        name="_arrival_time", type="timestamp_ms", description="When the stream took the record."
    ),
)
"""Columns that every lake table carries after its contract's: where each row came from."""

QUARANTINE_FIELDS: tuple[Field, ...] = (
    Field(name="table", type="string", required=False, description="As claimed or guessed."),
    Field(name="reason", type="string", description="A code of `pipeline.core.reasons`."),
    Field(name="field", type="string", required=False, description="The field at fault."),
    Field(name="detail", type="string", description="The cause in words."),
    Field(name="contract_version", type="int64", required=False, description="Judged by."),
    Field(name="shard", type="string"),
    Field(name="position", type="string", description="Position of the stream record."),
    Field(name="index", type="int64", description="Place of the event within its record, from 0."),
    Field(name="event_id", type="string", required=False, description="If it could be read."),
    Field(name="arrival_time", type="timestamp_ms", description="When the stream took it."),
    Field(name="partition_key", type="string", description="Of the user record."),
    Field(name="replay", type="bool", description="Whether `sluice replay` had sent it."),
    Field(name="raw", type="binary", description="The line, else what could not be split."),
)
"""Columns of the quarantine table, partitioned by arrival time: bad events as sent, and why."""

"""The history of a load: what each producer meant to send, when, and what the stream answered."""

from enum import StrEnum

import pyarrow as pa


class Answer(StrEnum):
    """What became of a send. A time-out may have been written, so it is never called refused."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


HISTORY_SCHEMA = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("producer", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("intended_us", pa.int64(), nullable=False),
        pa.field("sent_us", pa.int64()),
        pa.field("answered_us", pa.int64()),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("checksum", pa.uint64(), nullable=False),
        # True for an event that breaks its contract on purpose: it must end in quarantine.
        pa.field("poison", pa.bool_(), nullable=False),
    ]
)
"""One row an event; times in microseconds since the epoch. `<load>/history/<producer>-<n>.parquet`."""

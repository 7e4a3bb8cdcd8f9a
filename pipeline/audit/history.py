"""The history of a load: what each producer meant to send, when, and what the stream answered."""

from enum import StrEnum
from typing import Any

import pyarrow as pa


class Answer(StrEnum):
    """What became of a send. A time-out may have been written, so it is never called refused."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_FIELDS: "tuple[pa.Field[Any], ...]" = (
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
)
HISTORY_SCHEMA = pa.schema(_FIELDS)
"""One row an event, in `<load>/history/<producer>-<n>.parquet`; times in microseconds, epoch."""

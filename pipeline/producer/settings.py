"""What a producer may be told: every bound of its buffer, its requests and its retries."""

from typing import Final

from botocore.config import Config
from pydantic import BaseModel, ConfigDict, Field

RECORDS_PER_REQUEST_MAX: Final = 500
"""Kinesis PutRecords, "Request Parameters"."""
REQUEST_BYTES_MAX: Final = 5 * 1024 * 1024
"""What every region takes in one PutRecords; twice that where the newer quota is in force."""
EVENT_BYTES_MAX: Final = 1_000_000
"""An event must fit a record of 1 MiB with its aggregate's frame, even if it compresses badly."""


class ProducerSettings(BaseModel):
    """Bounds of one producer. Bytes are those of the events as given, before compression."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lanes: int = Field(default=16, ge=1, le=1024)
    """Slices of the hash key space; at least the number of shards, or some shards stay idle."""
    linger_ms: int = Field(default=100, ge=0, le=60_000)
    """How long an event may wait for company; records leave together, once in this time."""
    record_bytes: int = Field(default=512 * 1024, ge=1, le=EVENT_BYTES_MAX)
    record_events: int = Field(default=10_000, ge=1)
    buffer_bytes_max: int = Field(default=32 * 1024 * 1024, ge=1)
    """Events taken in and not answered; beyond it `put` makes its caller wait."""
    put_seconds_max: float = Field(default=30.0, ge=0)
    requests_in_flight: int = Field(default=4, ge=1, le=64)
    attempts_max: int = Field(default=20, ge=1)
    retry_seconds_max: float = Field(default=120.0, ge=0)
    """From a record's first attempt; after it, or after `attempts_max`, the record is given up."""
    backoff_ms_first: float = Field(default=50.0, ge=0)
    backoff_ms_max: float = Field(default=5_000.0, ge=0)

    def backoff_seconds(self, attempt: int, draw: float) -> float:
        """Return the pause after failed attempt `attempt` (from 1); `draw` is random in [0, 1).

        Exponential with full jitter: clients that failed together must not come back together.
        """
        ceiling = min(self.backoff_ms_max, self.backoff_ms_first * 2.0 ** min(attempt - 1, 30))
        return draw * ceiling / 1_000


def client_config(settings: ProducerSettings) -> Config:
    """Return the configuration that a producer's client needs.

    botocore must not retry by itself: a hidden retry turns "may have been written" into whatever
    its last attempt was answered, and the producer would call a stored record refused.
    """
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=settings.requests_in_flight,
        tcp_keepalive=True,
    )

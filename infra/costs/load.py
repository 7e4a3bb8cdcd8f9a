"""What a load is to a stream: events a second as records and bytes, plain or aggregated."""

from dataclasses import dataclass
from typing import Final

from pipeline.errors import UserError

RATE_MAX: Final = 10_000_000
SIZE_MAX: Final = 1_000_000
"""An event as large as a producer takes (`pipeline.producer.settings`, `EVENT_BYTES_MAX`)."""

LANES: Final = 16
LINGER_SECONDS: Final = 0.1
RECORD_BYTES: Final = 512 * 1024
RECORD_EVENTS: Final = 10_000
"""A producer's defaults (`pipeline.producer.settings.ProducerSettings`): a record leaves each lane
once a linger, or when it is full."""

STREAM_RATIO: Final = 0.09
RECORD_FRAME_BYTES: Final = 300
"""What an aggregated record weighs: its frame and its share of the events as they were
(`python -m tests.performance.bench_storage`; docs/cost.md, "Measured figures")."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """A steady load of `rate` events a second, `size` bytes each as JSON.

    Raises UserError for what no stream could be asked to take.
    """

    rate: float
    size: int
    aggregated: bool = True
    producers: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if not 0 < self.rate <= RATE_MAX:
            raise UserError(
                f"--rate: {self.rate:g} is not above 0 and at most {RATE_MAX:,} a second"
            )
        if not 1 <= self.size <= SIZE_MAX:
            raise UserError(f"--size: {self.size} is not from 1 to {SIZE_MAX:,} bytes")
        if self.producers < 1:
            raise UserError(f"--producers: {self.producers} is not at least 1")

    @property
    def bytes_raw(self) -> float:
        """Bytes a second as the events are given."""
        return self.rate * self.size

    @property
    def records(self) -> float:
        """Stream records a second: an event each, or what the producers' lanes gather."""
        if not self.aggregated:
            return self.rate
        by_time = self.producers * LANES / LINGER_SECONDS
        by_fill = max(self.bytes_raw / RECORD_BYTES, self.rate / RECORD_EVENTS)
        return min(self.rate, max(by_time, by_fill))

    @property
    def bytes_in(self) -> float:
        """Bytes a second on the stream; an aggregate never weighs more than its events."""
        if not self.aggregated:
            return self.bytes_raw
        packed = self.records * RECORD_FRAME_BYTES + self.bytes_raw * STREAM_RATIO
        return min(self.bytes_raw, packed)

    def chunks(self, unit_bytes: int) -> float:
        """Return units a second where each record is rounded up to whole units.

        Of aggregates only the average size is known: a record has at most one started unit beside
        its full ones, and together they have no more units than their events would have.
        """
        plain = self.rate * -(-self.size // unit_bytes)
        if not self.aggregated:
            return plain
        return min(plain, self.records + self.bytes_in / unit_bytes)

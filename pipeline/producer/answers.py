"""What a producer tells its caller: the answer of each record's events, and counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from pipeline.audit.history import Answer
from pipeline.errors import OperatingError
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Generic[Tag]):
    """What became of the events of one record; `tags` are the caller's own marks of them.

    `sent_us` is when the first attempt left, None if none did; both times are since the epoch.
    """

    tags: Sequence[Tag]
    answer: Answer
    outcome: Outcome
    sent_us: int | None
    answered_us: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """A producer's counts so far; `buffered_bytes` is the one that goes down again.

    `held_back_ms` is how long all callers together waited for room in the buffer.
    """

    buffered_bytes: int = 0
    events: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    event_bytes: int = 0
    sent_bytes: int = 0
    requests: int = 0
    records: int = 0
    retries: int = 0
    throttles: int = 0
    held_back_ms: int = 0


class BufferFull(OperatingError):
    """The buffer stayed full for as long as a caller may be kept waiting; nothing was taken in."""

"""What Lambda's event source mapping does with one Kinesis shard, as a state machine without I/O.

A shell asks `Shard.next` what to do, does it, and reports what came of it; time is an argument in
seconds. The rules are those of the Lambda developer guide ("Using Lambda to process records from
Kinesis Data Streams" and its pages on batching, errors and reporting), one test each. Where the
guide is silent the choice keeps data: it is marked "our choice".
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from infra.local.event_source_mapping.settings import UNLIMITED, Settings

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
"""An invocation's payload, counted as the JSON that is sent, so after base64 (Lambda quotas)."""
_ENVELOPE = (b'{"Records":[', b"]}")
_ROOM_BYTES = PAYLOAD_BYTES_MAX - sum(map(len, _ENVELOPE)) + 1
"""What records may take, each with a comma after it."""
BACKOFF_SECONDS_FIRST = 0.2
BACKOFF_SECONDS_MAX = 10.0
"""AWS backs off between retries and publishes no figures: our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One stream record, already in the JSON in which a function receives it."""

    sequence: int
    arrival: float
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to deliver together.

    `invocations` counts how often the function got them, `retries` how many of
    MaximumRetryAttempts they used up, `failures` how often in a row delivery failed.
    """

    records: tuple[Record, ...]
    invocations: int = 0
    retries: int = 0
    failures: int = 0
    not_before: float = 0.0

    @property
    def payload(self) -> bytes:
        """The event of the invocation, as JSON."""
        return _ENVELOPE[0] + b",".join(record.body for record in self.records) + _ENVELOPE[1]


class Condition(Enum):
    """Why records were given up, in the words of the on-failure record."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Get more records, not before this time."""

    not_before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Give this batch to the function; report `answered` or `not_invoked`."""

    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Send this batch to the on-failure destination; report `discarded`."""

    batch: Batch
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing before this time."""

    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The shard is closed and read to its end: its children may start."""


Command = Read | Invoke | Discard | Wait | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a function that ran gave back: its error, or its result."""

    failed: bool
    result: Any = None


class Shard:
    """The records of one shard on their way through a mapping, in order.

    `checkpoint` is the last sequence number that was delivered or discarded, `position` the last
    that was read; both None before the first.
    """

    def __init__(self, settings: Settings, *, checkpoint: int | None = None) -> None:
        self.settings = settings
        self.checkpoint = checkpoint
        self.position = checkpoint
        self._unread: deque[Record] = deque()
        self._due: list[Batch] = []
        self._bytes = 0
        self._first_read: float | None = None
        self._next_read = 0.0
        self._ended = False

    def read(self, records: Sequence[Record], *, now: float, ended: bool, next_read: float) -> None:
        """Take what a read gave; `ended` if the shard is closed and this was its last."""
        if records:
            self.position = records[-1].sequence
            self._first_read = now if self._first_read is None else self._first_read
        self._unread.extend(records)
        self._bytes += sum(len(record.body) + 1 for record in records)
        self._ended = ended
        self._next_read = next_read

    def next(self, now: float) -> Command:
        """Return what is to be done now."""
        if not self._due and self._batch_is_complete(now):
            self._due = [self._take_batch()]
        if self._due:
            return self._deliver(self._due[0], now)
        if self._ended:
            return Finished()
        if self._first_read is not None:
            closes = self._first_read + self.settings.window_seconds
            if closes < self._next_read:
                return Wait(until=closes)
        return Read(not_before=self._next_read)

    def answered(self, answer: Answer, *, now: float) -> None:
        """Take the function's answer to the batch that was due."""
        batch = replace(self._due.pop(0), not_before=0.0)
        batch = replace(batch, invocations=batch.invocations + 1)
        done = _records_done(batch, answer, partial=self.settings.partial_responses)
        if done == len(batch.records):
            self.checkpoint = batch.records[-1].sequence
            if not self._unread:
                # Once a second is for a shard without news: after a batch there may be more
                # (services-kinesis-create, "Polling and batching streams").
                self._next_read = min(self._next_read, now)
            return
        if done:
            self.checkpoint = batch.records[done - 1].sequence
        self._due = [*self._retried(batch, done, now), *self._due]

    def not_invoked(self, *, now: float) -> None:
        """Take that the function could not be invoked (throttled): no retry is used up."""
        self._due[0] = _paused(self._due[0], now, self.settings)

    def discarded(self) -> None:
        """Take that the batch that was due is given up, and known to the on-failure destination."""
        self.checkpoint = self._due.pop(0).records[-1].sequence

    def not_discarded(self, *, now: float) -> None:
        """Take that the on-failure destination did not accept the batch: it is sent again later."""
        self._due[0] = _paused(self._due[0], now, self.settings)

    def _batch_is_complete(self, now: float) -> bool:
        """Batch size, payload or window reached, or the shard's end; the first that happens."""
        if not self._unread:
            return False
        return (
            self._ended
            or len(self._unread) >= self.settings.batch_size
            or self._bytes >= _ROOM_BYTES
            or now >= (self._first_read or 0.0) + self.settings.window_seconds
        )

    def _take_batch(self) -> Batch:
        room = _ROOM_BYTES
        records: list[Record] = []
        while self._unread and len(records) < self.settings.batch_size:
            size = len(self._unread[0].body) + 1
            if records and size > room:
                break
            room -= size
            self._bytes -= size
            records.append(self._unread.popleft())
        if not self._unread:
            self._first_read = None
        return Batch(records=tuple(records))

    def _deliver(self, batch: Batch, now: float) -> Command:
        old = sum(now - record.arrival > self.settings.age_seconds_max for record in batch.records)
        if 0 < old < len(batch.records):
            # Our choice: only what is too old is given up, its younger neighbours are delivered.
            self._due[:1] = _split(batch, old)
            batch = self._due[0]
        if now < batch.not_before:
            return Wait(until=batch.not_before)
        if old:
            return Discard(batch=batch, condition=Condition.AGE)
        if self._exhausted(batch):
            return Discard(batch=batch, condition=Condition.RETRIES)
        return Invoke(batch=batch)

    def _retried(self, batch: Batch, done: int, now: float) -> list[Batch]:
        """Return what is left of a failed batch; a split uses up no retry, everything else one."""
        left = replace(batch, records=batch.records[done:])
        if self.settings.bisect and (done or len(left.records) > 1):
            parts = [left] if done else _split(left, len(left.records) // 2)
            return [_paused(replace(part, failures=0), now, self.settings) for part in parts]
        left = replace(left, retries=left.retries + 1)
        return [left if self._exhausted(left) else _paused(left, now, self.settings)]

    def _exhausted(self, batch: Batch) -> bool:
        return self.settings.retries_max != UNLIMITED and batch.retries > self.settings.retries_max


def shards_to_start(parents: dict[str, list[str]], finished: set[str]) -> list[str]:
    """Return the unfinished shards whose parents are finished or no longer listed, by id.

    `parents` has each listed shard's parents ("order": parents before their children).
    """
    return sorted(
        shard
        for shard, above in parents.items()
        if shard not in finished and all(i in finished or i not in parents for i in above)
    )


def _split(batch: Batch, at: int) -> list[Batch]:
    halves = (batch.records[:at], batch.records[at:])
    return [replace(batch, records=half) for half in halves]


def _paused(batch: Batch, now: float, settings: Settings) -> Batch:
    longest = min(BACKOFF_SECONDS_MAX, settings.backoff_seconds_max)
    pause = min(BACKOFF_SECONDS_FIRST * 2.0**batch.failures, longest)
    return replace(batch, failures=min(batch.failures + 1, 32), not_before=now + pause)


def _records_done(batch: Batch, answer: Answer, *, partial: bool) -> int:
    """Return how many of the batch's first records are done, by "Reporting batch item failures"."""
    if answer.failed:
        return 0
    everything = len(batch.records)
    if not partial or answer.result is None:
        return everything
    if not isinstance(answer.result, dict):
        return 0
    failures = answer.result.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return 0
    places = {str(record.sequence): place for place, record in enumerate(batch.records)}
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures]
    # Empty, null, under a wrong key, or (our choice) of no record of this batch: all of it failed.
    return min((places.get(str(name), 0) for name in named), default=everything)

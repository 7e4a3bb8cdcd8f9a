"""The producer: batches, aggregates, retries only what failed and slows its caller."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, Self

from pipeline.audit.history import Answer
from pipeline.errors import BrokenInvariant, OperatingError, UserError
from pipeline.producer.answers import Answered, BufferFull, Metrics
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import LaneQueues, Shipment, Tag
from pipeline.producer.settings import EVENT_BYTES_MAX, ProducerSettings
from pipeline.producer.transport import Transport


class Producer(Generic[Tag]):
    """Sends events to one stream from threads of its own; safe to share between threads.

    Delivery: at least once; every event is answered exactly once, by `on_answer`, which is called
    from the producer's threads, one call at a time. Order: per key, kept through retries.
    Resume: none; what a killed process held is lost to it, and its caller has no answer for it.
    """

    def __init__(
        self,
        transport: Transport,
        settings: ProducerSettings,
        on_answer: Callable[[Answered[Tag]], None],
    ) -> None:
        """Start the senders; the transport is closed with the producer."""
        self._transport = transport
        self._settings = settings
        self._on_answer = on_answer
        self._queues: LaneQueues[Tag] = LaneQueues(settings)
        self._metrics = Metrics()
        self._failure: BaseException | None = None
        self._flushes = 0
        self._closing = False
        self._answering = threading.Lock()
        # Re-entrant because it knows its owner: a condition asks a plain lock by trying to take it,
        # and gevent (under Locust) then switches away while the lock is held.
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._senders = [
            threading.Thread(target=self._run, name=f"producer-{number}", daemon=True)
            for number in range(settings.requests_in_flight)
        ]
        for sender in self._senders:
            sender.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, *, table: str, key: str, body: bytes, tag: Tag) -> None:
        """Take in one event, as `put_many` does."""
        self.put_many(table=table, keys=(key,), bodies=(body,), tags=(tag,))

    def put_many(
        self, *, table: str, keys: Sequence[str], bodies: Sequence[bytes], tags: Sequence[Tag]
    ) -> None:
        """Take in events of one table, all or none; wait while the buffer is full.

        `bodies` are JSON on one line each; events of one key leave in the order given. A call that
        is larger than the buffer is taken in once the buffer is empty.

        Raises:
            UserError: an event is empty, holds a line break or is larger than a record may be.
            BufferFull: the buffer stayed full for `put_seconds_max`.
        """
        for body in bodies:
            if not body or b"\n" in body or len(body) > EVENT_BYTES_MAX:
                raise UserError(_complaint(body))
        size = sum(map(len, bodies)) + len(bodies)
        room = self._settings.buffer_bytes_max - size
        with self._lock:
            asked = time.monotonic()
            has_room = self._settled.wait_for(
                lambda: self._stopped or self._queues.event_bytes <= max(room, 0),
                timeout=self._settings.put_seconds_max,
            )
            now = time.monotonic()
            if held_back_ms := round((now - asked) * 1_000):
                self._count(held_back_ms=held_back_ms)
            if not has_room:
                raise BufferFull(f"{self._queues.event_bytes:,} bytes wait for their answers")
            self._raise_if_stopped()
            if self._queues.add(now, table=table, keys=keys, bodies=bodies, tags=tags):
                self._work.notify()
            self._count(events=len(bodies), event_bytes=size)

    def flush(self, seconds_max: float | None = None) -> None:
        """Send everything now and wait until it is answered; callers stop putting meanwhile.

        Raises:
            OperatingError: something was still unanswered after `seconds_max`.
        """
        with self._lock:
            self._flushes += 1
            self._work.notify_all()
            try:
                done = self._settled.wait_for(
                    lambda: self._failure or not self._queues.event_bytes, timeout=seconds_max
                )
                self._raise_if_failed()
                if not done:
                    raise OperatingError(f"{self._queues.event_bytes:,} bytes are unanswered")
            finally:
                self._flushes -= 1

    def close(self, seconds_max: float | None = None) -> None:
        """Flush and stop. What is not answered after `seconds_max` is given up, and answered so."""
        try:
            if not self._closing:
                self.flush(seconds_max)
        except OperatingError:
            self._abandon()
        finally:
            with self._lock:
                self._closing = True
                self._work.notify_all()
                self._settled.notify_all()
            for sender in self._senders:
                sender.join()
            self._transport.close()
        self._raise_if_failed()

    def metrics(self) -> Metrics:
        """Return the counts so far."""
        with self._lock:
            return replace(self._metrics, buffered_bytes=self._queues.event_bytes)

    def _run(self) -> None:
        try:
            while batch := self._take():
                self._send(batch)
        except BaseException as failure:
            # A defect of ours or of `on_answer`: every caller hears of it at its next call.
            with self._lock:
                self._failure = self._failure or failure
                self._work.notify_all()
                self._settled.notify_all()

    def _take(self) -> list[Shipment[Tag]]:
        """Wait until something is due and take it; nothing when the producer stops."""
        with self._lock:
            while not self._stopped:
                flushing = self._flushes > 0
                now = time.monotonic()
                if batch := self._queues.take(now, flushing=flushing):
                    return batch
                due = self._queues.next_due(flushing=flushing)
                self._work.wait(None if due is None else max(due - now, 0))
            return []

    def _send(self, batch: list[Shipment[Tag]]) -> None:
        """Attempt one request and settle or put back each of its records by its own outcome."""
        for shipment in batch:
            shipment.seal()
        now = time.monotonic()
        sent_us = time.time_ns() // 1_000
        for shipment in batch:
            shipment.attempts += 1
            if shipment.attempts == 1:
                shipment.first_attempt_at, shipment.sent_us = now, sent_us
        outcomes = self._transport.send(batch)
        with self._lock:
            self._count(
                requests=1,
                records=len(batch),
                sent_bytes=sum(len(shipment.data) for shipment in batch),
                retries=sum(shipment.attempts > 1 for shipment in batch),
                throttles=outcomes.count(Outcome.THROTTLED),
            )
        for shipment, outcome in zip(batch, outcomes, strict=True):
            shipment.maybe_written |= outcome is Outcome.UNKNOWN
            if self._again(shipment, outcome):
                continue
            self._answer(shipment, outcome)
            with self._lock:
                self._queues.settle(shipment)
                self._settled.notify_all()
                self._work.notify()

    def _again(self, shipment: Shipment[Tag], outcome: Outcome) -> bool:
        """Put the record back for another attempt, if one can help and is still allowed."""
        settings = self._settings
        now = time.monotonic()
        pause = settings.backoff_seconds(shipment.attempts, random.random())
        shipment.not_before = now + pause
        with self._lock:
            if (
                outcome in (Outcome.WRITTEN, Outcome.REJECTED)
                or shipment.attempts >= settings.attempts_max
                or shipment.not_before - shipment.first_attempt_at > settings.retry_seconds_max
                or self._closing
            ):
                return False
            self._queues.put_back(shipment)
            self._work.notify()
            return True

    def _answer(self, shipment: Shipment[Tag], outcome: Outcome) -> None:
        if outcome is Outcome.WRITTEN:
            answer = Answer.ACKNOWLEDGED
        else:
            answer = Answer.UNKNOWN if shipment.maybe_written else Answer.REFUSED
        with self._answering:
            self._on_answer(
                Answered(
                    tags=shipment.tags,
                    answer=answer,
                    outcome=outcome,
                    sent_us=shipment.sent_us,
                    answered_us=time.time_ns() // 1_000,
                    attempts=shipment.attempts,
                )
            )
        with self._lock:
            self._count(**{answer.value: len(shipment.tags)})

    def _abandon(self) -> None:
        """Give up what is not in flight: never sent is refused, perhaps written is unknown."""
        with self._lock:
            self._closing = True
            abandoned = self._queues.abandon()
        for shipment in abandoned:
            self._answer(shipment, Outcome.UNSENT)

    def _count(self, **more: int) -> None:
        """Add to the counts; the lock is held."""
        self._metrics = replace(
            self._metrics, **{name: getattr(self._metrics, name) + n for name, n in more.items()}
        )

    @property
    def _stopped(self) -> bool:
        return self._closing or self._failure is not None

    def _raise_if_stopped(self) -> None:
        self._raise_if_failed()
        if self._closing:
            raise OperatingError("the producer is closed", retryable=False)

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise BrokenInvariant("a sender of the producer died") from self._failure


def _complaint(body: bytes) -> str:
    if not body:
        return "an event is empty; an event is a JSON object on one line"
    if b"\n" in body:
        return f"an event holds a line break: {body[:80]!r}; write JSON on one line"
    return f"an event has {len(body):,} bytes; a record takes {EVENT_BYTES_MAX:,}"

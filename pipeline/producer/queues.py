"""What a producer has taken in and not settled, lane by lane: plain data, no lock, no clock."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress
from pipeline.producer.lanes import Address, address_of, lane_of
from pipeline.producer.settings import (
    RECORDS_PER_REQUEST_MAX,
    REQUEST_BYTES_MAX,
    ProducerSettings,
)

Tag = TypeVar("Tag")


@dataclass(slots=True, kw_only=True)
class Shipment(Generic[Tag]):
    """The events that share one Kinesis record: open, then sealed to bytes once, then settled.

    Retries must carry the same bytes to the same address (protocol.md, T17): `data` is made once.
    Times are seconds of the producer's monotonic clock, except `sent_us` (since the epoch).
    """

    address: Address
    lane: int
    opened_at: float
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    event_bytes: int = 0
    data: bytes = b""
    attempts: int = 0
    first_attempt_at: float = 0.0
    not_before: float = 0.0
    sent_us: int | None = None
    maybe_written: bool = False

    def seal(self) -> None:
        """Turn the events into the record's bytes: a compressed block of JSON Lines a table."""
        if self.data:
            return
        self.data = aggregate(
            UserRecord(
                partition_key=self.address.partition_key,
                explicit_hash_key=self.address.explicit_hash_key,
                payload=compress(b"\n".join(lines)),
            )
            for lines in self.lines.values()
        )
        self.lines.clear()


@dataclass(slots=True)
class _Lane(Generic[Tag]):
    """One lane: at most one record in flight or waiting for its retry, the others behind it."""

    waiting: deque[Shipment[Tag]] = field(default_factory=deque)
    retry: Shipment[Tag] | None = None
    in_flight: bool = False


class LaneQueues(Generic[Tag]):
    """The lanes of one producer. Order: a lane's records leave one by one, oldest first."""

    def __init__(self, settings: ProducerSettings) -> None:
        self._settings = settings
        self._lanes: list[_Lane[Tag]] = [_Lane() for _ in range(settings.lanes)]
        self.event_bytes = 0
        """Bytes of events that are not settled yet, in flight included."""

    def add(
        self,
        now: float,
        *,
        table: str,
        keys: Iterable[str],
        bodies: Sequence[bytes],
        tags: Iterable[Tag],
    ) -> bool:
        """Take events in, in order; return whether a sender should look: a record was opened."""
        lanes, count = self._lanes, self._settings.lanes
        bytes_max, events_max = self._settings.record_bytes, self._settings.record_events
        look = False
        for key, body, tag in zip(keys, bodies, tags, strict=True):
            number = lane_of(key, count)
            waiting = lanes[number].waiting
            size = len(body) + 1
            last = waiting[-1] if waiting else None
            if last is None or last.event_bytes + size > bytes_max or len(last.tags) >= events_max:
                last = Shipment(address=address_of(number, count), lane=number, opened_at=now)
                waiting.append(last)
                look = True
            lines = last.lines.get(table)
            if lines is None:
                lines = last.lines[table] = []
            lines.append(body)
            last.tags.append(tag)
            last.event_bytes += size
            self.event_bytes += size
        return look

    def take(self, now: float, *, flushing: bool) -> list[Shipment[Tag]]:
        """Take what is due into flight, at most one record a lane and one request's worth of it."""
        due = sorted(
            (at, number)
            for number, lane in enumerate(self._lanes)
            if (at := self._due_at(lane, flushing=flushing)) is not None and at <= now
        )
        taken: list[Shipment[Tag]] = []
        request_bytes = 0
        for _, number in due[:RECORDS_PER_REQUEST_MAX]:
            lane = self._lanes[number]
            shipment = lane.retry or lane.waiting[0]
            request_bytes += shipment.event_bytes
            if taken and request_bytes > REQUEST_BYTES_MAX:
                break
            if lane.retry is None:
                lane.waiting.popleft()
            lane.retry, lane.in_flight = None, True
            taken.append(shipment)
        return taken

    def next_due(self, *, flushing: bool) -> float | None:
        """Return when something becomes due, or None while nothing waits for a time."""
        times = (self._due_at(lane, flushing=flushing) for lane in self._lanes)
        return min((at for at in times if at is not None), default=None)

    def put_back(self, shipment: Shipment[Tag]) -> None:
        """Return a shipment from flight: due again at `not_before`, before its lane's rest."""
        lane = self._lanes[shipment.lane]
        lane.retry, lane.in_flight = shipment, False

    def settle(self, shipment: Shipment[Tag]) -> None:
        """Forget a shipment that was in flight: it has its answer."""
        self._lanes[shipment.lane].in_flight = False
        self.event_bytes -= shipment.event_bytes

    def abandon(self) -> list[Shipment[Tag]]:
        """Take out everything that is not in flight, oldest first in each lane."""
        abandoned: list[Shipment[Tag]] = []
        for lane in self._lanes:
            abandoned += [lane.retry] if lane.retry else []
            abandoned += lane.waiting
            lane.retry = None
            lane.waiting.clear()
        self.event_bytes -= sum(shipment.event_bytes for shipment in abandoned)
        return abandoned

    def _due_at(self, lane: _Lane[Tag], *, flushing: bool) -> float | None:
        if lane.in_flight:
            return None
        if lane.retry:
            return lane.retry.not_before
        if not lane.waiting:
            return None
        first = lane.waiting[0]
        # A record with another one behind it is full: nothing more can join it.
        if flushing or len(lane.waiting) > 1 or first.event_bytes >= self._settings.record_bytes:
            return first.opened_at
        linger = self._settings.linger_ms / 1_000
        # On the beat of the linger, so that all lanes leave in one request and not one in each.
        return (first.opened_at // linger + 1) * linger if linger else first.opened_at

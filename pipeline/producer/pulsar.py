"""Records to a Pulsar topic: one producer a lane, copies dropped by the broker."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import pulsar
from pulsar import Result

from pipeline.producer.outcomes import Outcome
from pipeline.producer.pulsar_lane import PulsarLane, of_connect, of_error, of_send
from pipeline.producer.queues import Shipment
from pipeline.sources import pulsar_client
from pipeline.sources.connections import PulsarConnection

SEND_SECONDS_MAX: Final = 10.0
"""How long the client tries to send a record; after that nobody knows whether it is there."""

CONNECT_SECONDS_MAX: Final = 10.0
"""How long a lane may be without its producer before a record counts as not sent."""

GRACE_SECONDS: Final = 1.0
"""How long a lost producer may take to come back by itself before it is made anew."""

STEP_SECONDS: Final = 0.001


class PulsarTransport:
    """Sends records to one partitioned Pulsar topic; lane n goes to partition n % partitions.

    Delivery: at least once, and once where the topic deduplicates (`brokerDeduplicationEnabled`): a
    record that is sent again carries its producer's name and its sequence id.
    Order: per lane. It waits in short sleeps, which gevent turns into others' turns.
    Resume: none; the producers' names are this transport's own.
    """

    def __init__(
        self, connection: PulsarConnection, *, send_seconds_max: float = SEND_SECONDS_MAX
    ) -> None:
        """Look the topic up, and whether it lets us send. Raises UserError and OperatingError."""
        self._client = pulsar_client.connect(connection)
        self._connection = connection
        try:
            self._partitions = pulsar_client.partitions(self._client, connection)
            self._ask_whether_it_takes_records()
        except BaseException:
            self._client.shutdown()
            raise
        self._send_seconds_max = send_seconds_max
        self._name = f"sluice-{secrets.token_hex(8)}"
        self._lanes: dict[int, PulsarLane] = {}

    def _ask_whether_it_takes_records(self) -> None:
        """Make a producer and close it: only here can a refusal say its reason."""
        topic = pulsar_client.topic_of(self._connection, self._partitions[0])
        try:
            self._client.create_producer(topic).close()
        except pulsar.PulsarException as error:
            if of_error(error) is not Outcome.THROTTLED:
                raise pulsar_client.trouble(error, self._connection, "send records") from error

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        """Make one attempt at each record, all at once."""
        answers: deque[tuple[int, Result]] = deque()

        def answered(number: int) -> Callable[[Result], None]:
            return lambda result: answers.append((number, result))

        outcomes: dict[int, Outcome] = {}
        waiting = {number: self._lane(shipment.lane) for number, shipment in enumerate(batch)}
        began = time.monotonic()
        deadline = began + CONNECT_SECONDS_MAX + self._send_seconds_max + GRACE_SECONDS
        while len(outcomes) < len(batch) and time.monotonic() < deadline:
            for number, lane in list(waiting.items()):
                if lane.connected:
                    lane.send(batch[number], answered(number))
                    del waiting[number]
                elif outcome := self._connect(lane, since=began):
                    outcomes[number] = outcome
                    del waiting[number]
            while answers:
                number, result = answers.popleft()
                outcomes[number] = of_send(result)
            if len(outcomes) < len(batch):
                time.sleep(STEP_SECONDS)
        for number, outcome in outcomes.items():
            if outcome is Outcome.WRITTEN:
                self._lane(batch[number].lane).settle()
        return [
            outcomes.get(number, Outcome.UNSENT if number in waiting else Outcome.UNKNOWN)
            for number in range(len(batch))
        ]

    def _connect(self, lane: PulsarLane, *, since: float) -> Outcome | None:
        """Work towards a lane's producer; return an outcome once it is clear that there is none."""
        waited = time.monotonic() - since
        if lane.exists and waited < GRACE_SECONDS:
            return None
        if waited > CONNECT_SECONDS_MAX:
            return Outcome.UNSENT
        result = lane.make()
        return None if result in (None, Result.Ok) else of_connect(result)

    def _lane(self, number: int) -> PulsarLane:
        """Return a lane's producer; lanes are used by one sender at a time."""
        if number not in self._lanes:
            shard = self._partitions[number % len(self._partitions)]
            self._lanes[number] = PulsarLane(
                self._client,
                topic=pulsar_client.topic_of(self._connection, shard),
                name=f"{self._name}-{number}",
                send_timeout_ms=round(self._send_seconds_max * 1_000),
            )
        return self._lanes[number]

    def close(self) -> None:
        """Give up what is under way and close every connection.

        A callback that comes while `shutdown` holds Python's lock stops the whole process for ten
        seconds, so what can still come is waited for, a little.
        """
        deadline = time.monotonic() + GRACE_SECONDS
        while any(lane.expects for lane in self._lanes.values()) and time.monotonic() < deadline:
            time.sleep(STEP_SECONDS)
        self._client.shutdown()

"""One lane's own Pulsar producer: made without blocking, its sequence ids the shipments' order."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import pulsar
from pulsar import Result

from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment

native: Final[Any] = pulsar._pulsar  # noqa: SLF001 - what pulsar.Client wraps blocks the process

PENDING_MAX: Final = 100
"""Messages of one producer on their way; a shipment is one, or its chunks."""

_OF_SEND: Final = {
    Result.Ok: Outcome.WRITTEN,
    Result.ProducerQueueIsFull: Outcome.THROTTLED,
    Result.MemoryBufferIsFull: Outcome.THROTTLED,
    Result.MessageTooBig: Outcome.REJECTED,
    Result.InvalidMessage: Outcome.REJECTED,
}
"""But for Ok, what the client itself says before it sends anything."""

_OF_CONNECT: Final = {
    Result.Ok: Outcome.WRITTEN,
    Result.ProducerBlockedQuotaExceededError: Outcome.THROTTLED,
    Result.ProducerBlockedQuotaExceededException: Outcome.THROTTLED,
    Result.TooManyLookupRequestException: Outcome.THROTTLED,
    Result.TopicNotFound: Outcome.REJECTED,
    Result.TopicTerminated: Outcome.REJECTED,
    Result.AuthorizationError: Outcome.REJECTED,
    Result.IncompatibleSchema: Outcome.REJECTED,
}


def of_send(result: Result) -> Outcome:
    """Return what the answer to a message that was sent proves; a time-out proves nothing.

    Neither does any refusal of the broker: the client sends again by itself after a lost connection
    and answers with what it met on the way back (a full backlog, a terminated topic:
    pulsar-client-cpp, `ProducerImpl::handleCreateProducer`), whatever became of its first attempt.
    For a copy that the broker drops, because its producer's sequence id is not new, it answers Ok.
    """
    return _OF_SEND.get(result, Outcome.UNKNOWN)


def of_connect(result: Result) -> Outcome:
    """Return what it means for a record that its producer could not be made: not written."""
    return _OF_CONNECT.get(result, Outcome.UNSENT)


def of_error(error: pulsar.PulsarException) -> Outcome:
    """Return the same for a producer that was made while its caller waited."""
    return of_connect(getattr(Result, type(error).__name__, Result.UnknownError))


class PulsarLane:
    """A producer for one lane, so that its sequence ids follow the order of its shipments.

    With several lanes on one producer a record that is sent again would carry a lower sequence id
    than another lane's that came in between, and the broker would drop it as a copy. Callbacks come
    on threads that Python did not start: they only append to a deque.
    """

    def __init__(
        self, client: pulsar.Client, *, topic: str, name: str, send_timeout_ms: int
    ) -> None:
        self._client = client
        self._topic = topic
        self._configuration = _configuration(name, send_timeout_ms)
        self._producer: Any = None
        self._made: deque[tuple[Result, Any]] = deque()
        self._making = False
        self._closing = 0
        self._closed: deque[Result] = deque()
        self._sequence = 0
        self._shipment: Shipment[Any] | None = None

    @property
    def connected(self) -> bool:
        """Whether a record can be sent now; it may turn true by itself after a lost connection."""
        return self._producer is not None and bool(self._producer.is_connected())

    @property
    def exists(self) -> bool:
        """Whether there is a producer, connected or trying to be."""
        return self._producer is not None

    def make(self) -> Result | None:
        """Make a producer in the place of one that is lost; return what came of it, None so far."""
        if self._made:
            result, producer = self._made.popleft()
            self._making = False
            self._producer = producer if result == Result.Ok else None
            return result
        if not self._making:
            self.drop()
            self._making = True
            self._client._client.create_producer_async(  # noqa: SLF001 - likewise
                self._topic,
                self._configuration,
                lambda result, producer: self._made.append((result, producer)),
            )
        return None

    def drop(self) -> None:
        """Give up a producer that is not connected, to be told the reason by making another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._closing += 1
            producer.close_async(self._closed.append)

    @property
    def expects(self) -> bool:
        """Whether the client still has to call back about a producer."""
        return self._making != bool(self._made) or self._closing > len(self._closed)

    def send(self, shipment: Shipment[Any], answered: Callable[[Result], object]) -> None:
        """Send a shipment; the same one again carries the same sequence id (protocol.md, T17)."""
        if shipment is not self._shipment:
            self._shipment = shipment
            self._sequence += 1
        message = (
            native.MessageBuilder()
            .content(shipment.data)
            .partition_key(shipment.address.partition_key)
            .sequence_id(self._sequence)
            .build()
        )
        self._producer.send_async(message, lambda result, _: answered(result))

    def settle(self) -> None:
        """Forget the shipment that was written."""
        self._shipment = None


def _configuration(name: str, send_timeout_ms: int) -> Any:
    """Return a producer's settings: a shipment is a batch already, and compressed."""
    configuration = native.ProducerConfiguration()
    configuration.producer_name(name)
    configuration.send_timeout_millis(send_timeout_ms)
    configuration.max_pending_messages(PENDING_MAX)
    configuration.block_if_queue_full(False)
    configuration.batching_enabled(False)
    configuration.chunking_enabled(True)
    configuration.schema(pulsar.schema.BytesSchema().schema_info())
    return configuration

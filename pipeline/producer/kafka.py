"""Records to Kafka: each lane to a partition of its own, by an idempotent producer.

The broker drops what the client sends twice for want of an answer. What stays open after all its
attempts is unknown; the next one of ours is then a copy, with the same bytes (protocol.md, T17).
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.errors import SluiceError
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import (
    ANSWER_SECONDS_MAX,
    Complaints,
    Token,
    client_settings,
    log,
    make,
    partitions_of,
)

DELIVERY_SECONDS_MAX: Final = 30.0
"""How long one attempt may take, the client's own repetitions included."""
OVERTIME_SECONDS: Final = 5.0
"""How much later than that the client may say so: it looks once a second."""
REQUEST_SECONDS_MAX: Final = 10.0
"""How long the broker may think about a request before the client asks again."""
POLL_SECONDS: Final = 0.001
"""How often answers are picked up. Never by a blocking call: under gevent all would stand still."""
MESSAGE_BYTES_MAX: Final = 1_048_588
"""Kafka's default of `message.max.bytes` (broker configuration): a record of ours has less."""
BATCH_BYTES_MAX: Final = 64 * 1024
"""A larger record travels alone, so that a batch is never refused for its company's size."""
QUEUE_KBYTES_MAX: Final = 64 * 1024

_REJECTIONS: Final = frozenset(
    {
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_REQUIRED_ACKS,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._INVALID_ARG,  # noqa: SLF001
    }
)
"""What is wrong with the record or how it is sent: so with each attempt at it."""


class KafkaTransport:
    """Writes records to one Kafka topic. A lane's partition is fixed for the transport's life."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        token: Token | None = None,
        delivery_seconds_max: float = DELIVERY_SECONDS_MAX,
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> None:
        """Ask the broker for the topic's partitions.

        Raises UserError for settings that cannot work, OperatingError when the broker or the topic
        is not there.
        """
        self._connection = connection
        self._token = token
        self._delivery_seconds_max = delivery_seconds_max
        self._lock = threading.Lock()
        self._producer, complaints = self._connect()
        self._partitions = partitions_of(
            self._producer, connection, complaints, seconds_max=seconds_max
        )

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        """Hand the batch to the client and wait for each record's answer."""
        producer = self._producer
        outcomes: list[Outcome | None] = [None] * len(batch)
        for index, shipment in enumerate(batch):
            answered = partial(_answered, outcomes, index)
            refused = self._produce(producer, shipment, answered)
            if refused is not None:  # else another thread's poll may have brought the answer
                outcomes[index] = refused
        deadline = time.monotonic() + self._delivery_seconds_max + OVERTIME_SECONDS
        try:
            while None in outcomes and time.monotonic() < deadline:
                if not producer.poll(0):
                    time.sleep(POLL_SECONDS)
        except KafkaException as error:
            log.error("the Kafka client gave up, a new one goes on: %s", error.args[0].str())
        if None in outcomes:
            # What the client still holds must not be written behind a later record of its lane.
            self._replace(producer)
        return [outcome or Outcome.UNKNOWN for outcome in outcomes]

    def close(self) -> None:
        """Drop the connections, and what nobody waits for any more."""
        self._producer.purge()

    def _produce(
        self, producer: Producer, shipment: Shipment[Any], answered: Callable[..., None]
    ) -> Outcome | None:
        """Hand one record over; an outcome if the client does not take it."""
        try:
            producer.produce(
                self._connection.topic,
                shipment.data,
                shipment.address.partition_key,
                partition=shipment.lane % self._partitions,
                on_delivery=answered,
            )
        except BufferError:
            return Outcome.THROTTLED
        except KafkaException as error:
            if error.args[0].code() == KafkaError._FATAL:  # noqa: SLF001
                self._replace(producer)
            # Of what the client itself does not take nothing was sent.
            return Outcome.REJECTED if _is_rejected(error.args[0]) else Outcome.UNSENT
        return None

    def _replace(self, producer: Producer) -> None:
        """Have a client forget what it holds, and go on with another one.

        Its records are answered as unknown to whoever waits for them.
        """
        with self._lock:
            if self._producer is producer:
                try:
                    self._producer, _ = self._connect()
                except SluiceError as error:
                    log.error("%s", error)  # the next attempt fails at once, and tries again
        producer.purge()

    def _connect(self) -> tuple[Producer, Complaints]:
        complaints = Complaints()
        settings = client_settings(self._connection, complaints, token=self._token)
        request_seconds = min(REQUEST_SECONDS_MAX, self._delivery_seconds_max)
        producer = make(
            Producer,
            settings
            | {
                "enable.idempotence": True,
                "acks": "all",
                "delivery.timeout.ms": round(self._delivery_seconds_max * 1_000),
                "request.timeout.ms": round(request_seconds * 1_000),
                "linger.ms": 0,
                "compression.type": "none",  # what a record holds is compressed
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "batch.size": BATCH_BYTES_MAX,
                "queue.buffering.max.kbytes": QUEUE_KBYTES_MAX,
            },
        )
        return producer, complaints


def of_report(error: KafkaError | None) -> Outcome:
    """Return what a delivery report proves about a record that the client had taken.

    A time-out or a lost connection may hide that the broker has it, and so may a code that we do
    not know. A right, a quota or a topic that is missing says as little: the client repeats by
    itself, and its first attempt may have been written when that was still there. librdkafka
    remembers that (`rd_kafka_message_status`), but its Python client shows it to nobody.
    """
    if error is None:
        return Outcome.WRITTEN
    return Outcome.REJECTED if _is_rejected(error) else Outcome.UNKNOWN


def _is_rejected(error: KafkaError) -> bool:
    return error.code() in _REJECTIONS


def _answered(
    outcomes: list[Outcome | None], index: int, error: KafkaError | None, _: Message
) -> None:
    """Note a record's answer; nothing else may be done in a client's callback."""
    outcomes[index] = of_report(error)

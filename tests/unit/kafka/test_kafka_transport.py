"""A transport's waiting: what its client does at awkward moments."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.producer import kafka
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.lanes import address_of
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment
from pipeline.sources.connections import KafkaConnection


class Client:
    """A client whose answers come while a record is still being handed over, as they do when
    another thread polls at that moment."""

    def __init__(
        self, *, trouble: Exception | None = None, error: KafkaError | None = None
    ) -> None:
        self.trouble = trouble
        self.error = error
        self.purged = 0

    def produce(
        self, *_: object, on_delivery: Callable[[KafkaError | None, Message], None], **__: object
    ) -> None:
        if self.trouble is not None:
            raise self.trouble
        on_delivery(self.error, Message())

    def poll(self, _: float) -> int:
        return 0

    def purge(self) -> None:
        self.purged += 1


@pytest.fixture
def transport_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., KafkaTransport]:
    monkeypatch.setattr(kafka, "partitions_of", lambda *_, **__: 2)
    connection = KafkaConnection(bootstrap_servers="127.0.0.1:1", topic="flights")

    def make(client: Client) -> KafkaTransport:
        transport = KafkaTransport(connection, delivery_seconds_max=1)
        transport._producer = client  # type: ignore[assignment]
        return transport

    return make


def shipments(count: int) -> list[Shipment[Any]]:
    return [
        Shipment(address=address_of(lane, count), lane=lane, opened_at=0.0, data=b"x")
        for lane in range(count)
    ]


def test_an_answer_that_another_thread_brought_is_kept(
    transport_of: Callable[..., KafkaTransport],
) -> None:
    assert transport_of(Client()).send(shipments(3)) == [Outcome.WRITTEN] * 3


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (BufferError("full"), Outcome.THROTTLED),
        (KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)), Outcome.REJECTED),
        (KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION)), Outcome.UNSENT),
        (KafkaException(KafkaError(KafkaError._STATE)), Outcome.UNSENT),
    ],
)
def test_what_the_client_does_not_take_was_not_sent(
    transport_of: Callable[..., KafkaTransport], trouble: Exception, outcome: Outcome
) -> None:
    assert transport_of(Client(trouble=trouble)).send(shipments(2)) == [outcome] * 2


def test_a_client_that_broke_for_good_is_replaced_and_the_record_unsent(
    transport_of: Callable[..., KafkaTransport],
) -> None:
    client = Client(trouble=KafkaException(KafkaError(KafkaError._FATAL)))
    transport = transport_of(client)
    assert transport.send(shipments(1)) == [Outcome.UNSENT]
    assert isinstance(transport._producer, Producer)
    assert client.purged == 1
    transport.close()


@pytest.mark.parametrize("code", [KafkaError._MSG_TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED])
def test_a_record_that_timed_out_or_was_refused_at_last_may_be_stored(
    transport_of: Callable[..., KafkaTransport], code: int
) -> None:
    client = Client(error=KafkaError(code))
    assert transport_of(client).send(shipments(1)) == [Outcome.UNKNOWN]


def test_a_client_that_never_answers_is_replaced_so_that_nothing_comes_late(
    transport_of: Callable[..., KafkaTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "OVERTIME_SECONDS", 0.0)
    client = Client()
    monkeypatch.setattr(client, "produce", lambda *_, **__: None)
    transport = transport_of(client)
    transport._delivery_seconds_max = 1.0
    assert transport.send(shipments(1)) == [Outcome.UNKNOWN]
    assert isinstance(transport._producer, Producer)
    assert client.purged == 1
    transport.close()

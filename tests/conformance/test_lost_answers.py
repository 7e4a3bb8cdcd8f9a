"""One suite for all streams: the stream takes what is sent, and the producer hears nothing of it.

It sends again until it is answered. Pulsar drops the copies itself; on Kinesis, and on Kafka once
the client gave up an attempt, they lie on the stream, and the core knows them by their ids.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.local.brokers.kafka import LocalKafka
from infra.local.front.faults import Fault
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.sources.connections import KafkaConnection, PulsarConnection
from tests.conformance.conftest import EVENTS, Place
from tests.conformance.load import hasty
from tests.conformance.streams import PulsarUnderTest
from tests.integration.kafka.proxied import Proxied, proxied_kafka
from tests.waiting import until


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A Kafka of this module's own, whose answers may be lost."""
    with proxied_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(scope="module")
def kafka(proxied: Proxied) -> LocalKafka:
    return proxied.kafka


@contextmanager
def answers_lost(place: Place, request: pytest.FixtureRequest) -> Iterator[None]:
    """Let answers to producers be lost; Pulsar's broker stands still and answers too late."""
    match place.stream.connection:
        case KafkaConnection():
            proxy = request.getfixturevalue("proxied").proxy
            proxy.loses_all = True
            yield
            proxy.loses_all = False
        case PulsarConnection():
            assert isinstance(place.stream, PulsarUnderTest)
            pid = place.stream.broker.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)
        case _:
            lost = Fault(service="kinesis", operation="PutRecords", kind="lost_answer")
            place.front.inject([lost])
            yield
            place.front.clear()


def copies(place: Place) -> int:
    """Return how many events the ledger's commits knew as copies."""
    ledger = DynamoLedger(place.clients["dynamodb"], place.name)
    return sum(
        commit.counts.duplicates
        for shard in ledger.shards()
        for commit in ledger.commits_since(shard, arrival_ms=0)
    )


def test_what_was_sent_again_for_want_of_an_answer_is_in_the_lake_once(
    place: Place, request: pytest.FixtureRequest
) -> None:
    worker, load = place.work(), place.load(hasty(place.stream.connection))
    load.send(EVENTS)
    until(lambda: worker.stored > 0)
    before = load.retries
    with answers_lost(place, request):
        load.send(EVENTS)
        until(lambda: load.retries > before)
    load.send(EVENTS)

    place.settle()

    dropped_by_the_broker = isinstance(place.stream, PulsarUnderTest)
    assert (copies(place) == 0) is dropped_by_the_broker

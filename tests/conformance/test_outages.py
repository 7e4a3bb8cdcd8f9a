"""One suite for all streams: the broker dies under load, and comes back with what it had."""

from collections.abc import Iterator

import pytest

from infra.local.brokers import kafka as kafka_broker
from infra.local.brokers import pulsar as pulsar_broker
from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from tests.brokers import require
from tests.conformance.conftest import EVENTS, Place, begun
from tests.waiting import until


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka that a test may kill."""
    require("kafka")
    started = kafka_broker.start(tmp_path_factory.mktemp("kafka"), light=True)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def pulsar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A Pulsar that a test may kill."""
    require("pulsar")
    started = pulsar_broker.start(tmp_path_factory.mktemp("pulsar"), light=True)
    yield started
    started.stop()


def test_a_broker_that_dies_under_load_costs_nothing(place: Place) -> None:
    worker, load = begun(place)
    load.send(EVENTS)

    place.stream.outage()
    load.send(EVENTS)

    place.settle(seconds_max=150)
    until(lambda: worker.health()["healthy"])
    assert worker.running

"""One suite for all streams: the broker dies under load, and comes back with what it had."""

from collections.abc import Iterator

import pytest

from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from tests.brokers import own_kafka, own_pulsar
from tests.conformance.conftest import EVENTS, Place, begun
from tests.waiting import until


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka that a test may kill."""
    with own_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(scope="module")
def pulsar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A Pulsar that a test may kill."""
    with own_pulsar(tmp_path_factory.mktemp("pulsar")) as started:
        yield started


def test_a_broker_that_dies_under_load_costs_nothing(place: Place) -> None:
    worker, load = begun(place)
    load.send(EVENTS)

    place.stream.outage()
    load.send(EVENTS)

    place.settle(seconds_max=150)
    until(lambda: worker.health()["healthy"])
    assert worker.running

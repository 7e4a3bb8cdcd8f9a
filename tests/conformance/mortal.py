"""Brokers that the tests of one module may kill; a conftest's own are the session's, and live."""

from collections.abc import Iterator

import pytest

from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from tests.brokers import own_kafka, own_pulsar

__all__ = ["kafka", "pulsar"]


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

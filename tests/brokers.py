"""The real brokers of a session of tests: one Kafka, one Pulsar, started when first asked for.

Each pytest-xdist worker has its own; a test takes topics of its own name, and a broker of its own
where it stops or kills one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from infra.local.brokers import artifacts
from infra.local.brokers import kafka as kafka_broker
from infra.local.brokers import pulsar as pulsar_broker
from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from pipeline.errors import UserError

__all__ = ["kafka", "own_kafka", "own_pulsar", "pulsar", "require"]

QUICK_TO_NOTICE: Final = {"keepAliveIntervalSeconds": 10}
"""A client that stands still is let go after one to two of these: half a minute to a minute by
default."""


def require(broker: str) -> None:
    """Skip the test where the broker's files are missing and cannot be fetched."""
    try:
        artifacts.folder_of(broker)
    except UserError as error:
        pytest.skip(str(error))


@contextmanager
def own_kafka(folder: Path, **settings: Any) -> Iterator[LocalKafka]:
    """Run a Kafka that a test may stop and kill; `settings` as its `start` has them."""
    require("kafka")
    started = kafka_broker.start(folder, light=True, **settings)
    yield started
    started.stop()


@contextmanager
def own_pulsar(folder: Path, **settings: Any) -> Iterator[LocalPulsar]:
    """Run a Pulsar that a test may stop and kill; `settings` as its `start` has them."""
    require("pulsar")
    started = pulsar_broker.start(folder, light=True, **settings)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka of one node, with a listener for TLS beside the plain one."""
    with own_kafka(tmp_path_factory.mktemp("kafka"), with_tls=True) as started:
        yield started


@pytest.fixture(scope="session")
def pulsar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A Pulsar that asks for no token, with a listener for TLS beside the plain one."""
    folder = tmp_path_factory.mktemp("pulsar")
    with own_pulsar(folder, with_tls=True, config=QUICK_TO_NOTICE) as started:
        yield started

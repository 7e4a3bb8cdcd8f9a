"""One suite for both topics: the token by which worker and producer sign in expires under load."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from pipeline.sources import kafka_client
from tests.brokers import own_pulsar
from tests.conformance.conftest import EVENTS, Place
from tests.conformance.load import hasty
from tests.conformance.signed_in import TOKEN_FILE, token_from_file
from tests.integration.kafka.guarded import WORKER, guarded_kafka, token
from tests.waiting import until

pytestmark = pytest.mark.parametrize("place", ["kafka", "pulsar"], indirect=True)

SHORT_SECONDS = 6
"""More than a client needs from reading a token to showing it."""
LONG_SECONDS = 3_600
Issue = Callable[[float], None]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A Kafka that asks for tokens."""
    with guarded_kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(scope="module")
def pulsar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A Pulsar that asks for tokens."""
    with own_pulsar(tmp_path_factory.mktemp("pulsar"), with_tokens=True) as started:
        started.grant(WORKER)
        yield started


@pytest.fixture
def issue(request: pytest.FixtureRequest, tmp_path: Path) -> Issue:
    """Put a token that lives so many seconds in the place of the last one."""
    broker = request.getfixturevalue(request.node.callspec.params["place"])

    def write(seconds: float) -> None:
        if isinstance(broker, LocalPulsar):
            made = broker.token(WORKER, expires_seconds=seconds)
        else:
            made, _ = token(WORKER, seconds=seconds)
        (tmp_path / "next").write_text(made)
        (tmp_path / "next").replace(tmp_path / "token")

    return write


@pytest.fixture
def token_file(issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "token"
    monkeypatch.setenv(TOKEN_FILE, str(path))
    monkeypatch.setattr(kafka_client, "msk_token", token_from_file)
    issue(LONG_SECONDS)
    return path


def test_a_token_that_expires_under_load_stops_both_sides_until_it_is_replaced(
    place: Place, issue: Issue
) -> None:
    issue(SHORT_SECONDS)
    worker = place.work(module="tests.conformance.signed_in")
    load = place.load(hasty(place.stream.connection))

    def works() -> bool:
        """Renew the token until both are at work, however long they take to start."""
        issue(SHORT_SECONDS)
        load.send(20)
        return "assigned" in worker.said and worker.stored > EVENTS

    until(works)
    retries, said = load.retries, len(worker.said)

    def refused() -> bool:
        load.send(20)
        return load.retries > retries and "token" in worker.said[said:]

    until(refused)
    issue(LONG_SECONDS)
    load.send(EVENTS)

    place.settle()

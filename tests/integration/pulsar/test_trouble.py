"""What goes wrong with a Pulsar: down, stopped, another protocol, refused: one line, in bounded
time, nothing lost, and back by itself."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from infra.local.brokers.pulsar import LocalPulsar
from pipeline.core.records import ShardId
from pipeline.errors import OperatingError, UserError
from pipeline.producer.outcomes import Outcome
from pipeline.producer.pulsar import PulsarTransport
from pipeline.sources import pulsar_client, pulsar_partition, pulsar_subscription
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar import PulsarSource
from pipeline.sources.pulsar_subscription import PulsarSubscription
from tests.brokers import own_pulsar
from tests.integration.pulsar.conftest import make_topic
from tests.integration.pulsar.shipments import shipment
from tests.integration.pulsar.topics import Topic
from tests.integration.readers import Reader, poll_until

ROLE = "worker"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that soon give up: for tests in which no answer comes."""
    monkeypatch.setattr(pulsar_client, "OPERATION_SECONDS", 2)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A broker of our own that asks for tokens, to be stopped and started."""
    with own_pulsar(tmp_path_factory.mktemp("own"), with_tls=True, with_tokens=True) as started:
        started.grant(ROLE)
        yield started


@pytest.fixture
def token_file(guarded: LocalPulsar, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(guarded.token(ROLE))
    return path


@pytest.fixture
def topic(guarded: LocalPulsar, token_file: Path) -> Iterator[Topic]:
    topic = make_topic(guarded)
    topic.connection = topic.connection.model_copy(update={"token_file": token_file})
    yield topic
    topic.close()


@pytest.fixture
def worker(topic: Topic) -> Iterator[Reader]:
    subscription = PulsarSubscription(topic.connection)
    yield Reader(subscription=subscription, settles=True)
    subscription.close()


def first_trouble(connection: PulsarConnection) -> OperatingError:
    """Return what a worker's first poll says."""
    subscription = PulsarSubscription(connection)
    reader = Reader(subscription=subscription, settles=True)
    reader.poll()
    subscription.close()
    assert len(reader.troubles) == 1
    assert "\n" not in str(reader.troubles[0])
    return reader.troubles[0]


def came_in_order(worker: Reader, shard: ShardId, everything: list[bytes]) -> None:
    """Check that all came, once but for the first record of an assignment after a long outage."""
    assert list(dict.fromkeys(worker.values(shard))) == everything
    assert len(worker.values(shard)) - len(everything) <= len(worker.heard) // 2


class Sending:
    """A producer's thread: it sends numbers in order, each until it is written."""

    def __init__(self, transport: PulsarTransport) -> None:
        self._transport = transport
        self._end = Event()
        self.written = 0
        self.outcomes: set[Outcome] = set()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        record = shipment(b"0")
        while not self._end.is_set():
            outcome = self._transport.send([record])[0]
            self.outcomes.add(outcome)
            if outcome is Outcome.WRITTEN:
                self.written += 1
                record = shipment(b"%d" % self.written)

    def stop(self) -> list[bytes]:
        """Return what was written, in order."""
        self._end.set()
        self._thread.join()
        return [b"%d" % number for number in range(self.written)]


@pytest.fixture
def sending(topic: Topic) -> Iterator[Sending]:
    transport = PulsarTransport(topic.connection, send_seconds_max=3.0)
    sending = Sending(transport)
    yield sending
    sending.stop()
    transport.close()


def test_a_worker_reads_on_with_its_token_over_tls(topic: Topic, guarded: LocalPulsar) -> None:
    topic.send(b"record")
    secure = topic.connection.model_copy(
        update={"service_url": guarded.tls_url, "ca_file": guarded.ca_file}
    )
    source = PulsarSource(secure)
    found = source.read_after(topic.shard(0), after=None, origin=None, records_max=1)
    assert [record.data for record in found.records] == [b"record"]
    source.close()


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_is_not_there_is_said_so(topic: Topic) -> None:
    nowhere = topic.connection.model_copy(update={"service_url": "pulsar://127.0.0.1:1"})
    assert "at pulsar://127.0.0.1:1: no answer" in str(first_trouble(nowhere))


@pytest.mark.usefixtures("impatient")
def test_tls_where_none_is_expected_is_said_so(topic: Topic, guarded: LocalPulsar) -> None:
    plain = topic.connection.model_copy(
        update={"service_url": guarded.tls_url.replace("pulsar+ssl", "pulsar")}
    )
    assert "does it speak plain text on this port" in str(first_trouble(plain))
    secure = topic.connection.model_copy(
        update={
            "service_url": guarded.service_url.replace("pulsar:", "pulsar+ssl:"),
            "ca_file": guarded.ca_file,
        }
    )
    assert "does it speak TLS on this port" in str(first_trouble(secure))


@pytest.mark.usefixtures("impatient")
def test_a_certificate_that_nobody_trusts_is_not_taken(topic: Topic, guarded: LocalPulsar) -> None:
    untrusted = topic.connection.model_copy(update={"service_url": guarded.tls_url})
    assert guarded.tls_url in str(first_trouble(untrusted))


@pytest.mark.usefixtures("impatient")
def test_a_token_that_is_missing_wrong_or_expired_is_said_so(
    topic: Topic, guarded: LocalPulsar, token_file: Path
) -> None:
    without = topic.connection.model_copy(update={"token_file": None})
    assert "without a token" in str(first_trouble(without))
    for token in (guarded.token(ROLE, expires_seconds=-10), "not.a.token"):
        token_file.write_text(token)
        assert f"token in {token_file}" in str(first_trouble(topic.connection))


def test_a_role_without_rights_is_told_which(
    topic: Topic, guarded: LocalPulsar, token_file: Path
) -> None:
    token_file.write_text(guarded.token("stranger"))
    assert "no right to" in str(first_trouble(topic.connection))
    with pytest.raises(OperatingError, match="no right to"):
        PulsarTransport(topic.connection)


def test_a_topic_that_is_missing_is_named(topic: Topic) -> None:
    other = topic.connection.model_copy(update={"topic": "persistent://public/default/missing"})
    trouble = first_trouble(other)
    assert "persistent://public/default/missing" in str(trouble)


def test_a_file_that_is_missing_is_a_users_mistake(topic: Topic, tmp_path: Path) -> None:
    nowhere = topic.connection.model_copy(update={"token_file": tmp_path / "none"})
    for made in (PulsarSubscription, PulsarSource, PulsarTransport):
        with pytest.raises(UserError, match="none is not a file"):
            made(nowhere)


def test_a_broker_that_stands_still_is_said_so_and_a_seek_does_not_wait_for_it(
    topic: Topic, guarded: LocalPulsar, worker: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulsar_subscription, "LOOKUP_SECONDS", 0.5)
    topic.send(b"0")
    shard = topic.shard(0)
    poll_until(lambda: worker.values(shard) == [b"0"], worker)
    pid = guarded.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        poll_until(lambda: worker.troubles, worker)
        began = time.monotonic()
        worker.subscription.seek(shard, after=None)
        assert time.monotonic() - began < pulsar_client.OPERATION_SECONDS
    finally:
        os.kill(pid, signal.SIGCONT)
    poll_until(lambda: worker.values(shard) == [b"0", b"0"], worker)


def test_a_right_that_is_taken_and_given_again_is_said_so_and_the_worker_goes_on(
    topic: Topic, guarded: LocalPulsar, worker: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulsar_partition, "REJOIN_SECONDS", 2.0)
    shard = topic.shard(0)
    topic.send(b"0")
    poll_until(lambda: worker.values(shard) == [b"0"], worker)
    guarded.admin.ask("DELETE", f"namespaces/public/default/permissions/{ROLE}")
    for partition in (0, 1):
        topic.roll(partition)  # whoever uses it has to come back
    poll_until(lambda: any("no right to" in str(t) for t in worker.troubles), worker)
    guarded.grant(ROLE)
    topic.close()
    sender = PulsarTransport(topic.connection)
    assert sender.send([shipment(b"1")]) == [Outcome.WRITTEN]
    sender.close()
    poll_until(lambda: b"1" in worker.values(shard), worker)
    assert list(dict.fromkeys(worker.values(shard))) == [b"0", b"1"]


def test_a_token_that_expires_under_way_stops_both_sides_until_it_is_replaced(
    topic: Topic, guarded: LocalPulsar, token_file: Path
) -> None:
    token_file.write_text(guarded.token(ROLE, expires_seconds=12))
    worker = Reader(subscription=PulsarSubscription(topic.connection), settles=True)
    transport = PulsarTransport(topic.connection, send_seconds_max=2.0)
    sending = Sending(transport)
    shard = topic.shard(0)
    poll_until(lambda: len(worker.values(shard)) > 10, worker)
    assert not worker.troubles
    poll_until(lambda: worker.troubles, worker)
    assert guarded.service_url in str(worker.troubles[0])
    poll_until(lambda: sending.outcomes - {Outcome.WRITTEN}, worker)
    token_file.write_text(guarded.token(ROLE))
    before = len(worker.values(shard))
    poll_until(lambda: len(worker.values(shard)) > before + 10, worker)
    everything = sending.stop()
    poll_until(lambda: worker.values(shard)[-1] == everything[-1], worker)
    came_in_order(worker, shard, everything)
    worker.subscription.close()
    transport.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_restarts_under_load_loses_and_doubles_nothing(
    topic: Topic, guarded: LocalPulsar, worker: Reader, sending: Sending, how: str
) -> None:
    shard = topic.shard(0)
    poll_until(lambda: len(worker.values(shard)) > 50, worker)
    ending: Callable[[], None] = getattr(guarded, how)
    ending()
    poll_until(lambda: worker.troubles, worker)
    assert guarded.service_url in str(worker.troubles[0])
    guarded.restart()
    before = sending.written
    poll_until(lambda: sending.written > before + 50, worker)
    everything = sending.stop()
    assert Outcome.REJECTED not in sending.outcomes
    poll_until(lambda: worker.values(shard)[-1] == everything[-1], worker)
    source = PulsarSource(topic.connection)
    stored = []
    after = None
    while not (
        found := source.read_after(shard, after=after, origin=None, records_max=10_000)
    ).at_tip:
        stored += [record.data for record in found.records]
        after = found.records[-1].position
    source.close()
    stored += [record.data for record in found.records]
    assert stored == everything
    came_in_order(worker, shard, everything)

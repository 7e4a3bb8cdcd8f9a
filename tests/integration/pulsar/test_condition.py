"""What a real Pulsar says of itself and its topic, to a watcher that takes part in nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulsar import InitialPosition

from infra.local.brokers.pulsar import LocalPulsar
from pipeline import metrics
from pipeline.core.records import Position
from pipeline.sources.pulsar import PulsarSource
from pipeline.sources.pulsar_admin import HttpApi
from pipeline.sources.pulsar_condition import PulsarCondition
from tests.brokers import own_pulsar
from tests.integration.pulsar.conftest import make_namespace, make_topic
from tests.integration.pulsar.topics import Topic, numbered
from tests.waiting import until

Sources = Callable[[Topic], PulsarSource]
QUOTED = "public/quoted"
QUOTA_BYTES = 10_000_000


@pytest.fixture
def quoted(pulsar: LocalPulsar) -> Iterator[Topic]:
    """A topic whose partitions may be so far behind and no further."""
    quota = {"limitSize": QUOTA_BYTES, "policy": "producer_request_hold"}
    make_namespace(pulsar, QUOTED, backlog_quota_map={"destination_storage": quota})
    topic = make_topic(pulsar, namespace=QUOTED)
    yield topic
    topic.close()


def condition(topic: Topic, **expected: int) -> PulsarCondition:
    return PulsarCondition(
        topic=topic.connection.topic, admin=HttpApi(url=topic.broker.admin_url), **expected
    )


def test_a_broker_that_is_there_is_not_missing_and_two_others_are(topic: Topic) -> None:
    found = condition(topic, brokers=3).missing()
    assert found.values == {metrics.BROKERS_MISSING: 2}
    assert found.trouble is None


def test_the_backlog_is_told_of_the_fullest_partition(quoted: Topic) -> None:
    asked = condition(quoted, backlog_bytes_max=QUOTA_BYTES)
    assert asked.backlog().values == {metrics.BACKLOG_PERCENT: 0.0}
    for partition in (0, 1):
        quoted.client.subscribe(
            quoted.partition(partition),
            quoted.connection.subscription,
            initial_position=InitialPosition.Earliest,
        )
    quoted.send(*[b"x" * 500_000] * 8, partition=0)
    quoted.send(b"x" * 500_000, partition=1)
    until(lambda: asked.backlog().values[metrics.BACKLOG_PERCENT] >= 40)
    assert asked.backlog().values[metrics.BACKLOG_PERCENT] < 42


def test_lag_is_counted_without_a_subscription(topic: Topic, source: Sources) -> None:
    asked = source(topic)
    shard = topic.shard(0)
    assert asked.lag(shard, after=None) == 0
    topic.send(*numbered(0, 7))
    assert asked.lag(shard, after=None) == 7
    topic.roll()
    topic.send(*numbered(7, 5))
    records = asked.read_after(shard, after=None, origin=None, records_max=100).records
    lags = [asked.lag(shard, after=Position(record.position)) for record in records]
    assert lags == list(reversed(range(12)))
    assert asked.lag(shard, after=None) == 12
    assert asked.lag(topic.shard(1), after=None) == 0
    stats = topic.ask("GET", "stats")
    assert isinstance(stats, dict)
    assert stats["subscriptions"] == {}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """A broker of our own that asks for tokens."""
    with own_pulsar(tmp_path_factory.mktemp("own"), with_tokens=True) as started:
        started.grant("worker")
        yield started


def test_a_workers_token_hears_of_the_backlog_and_not_of_brokers(
    guarded: LocalPulsar, tmp_path: Path
) -> None:
    topic = make_topic(guarded)
    token_file = tmp_path / "token"
    token_file.write_text(guarded.token("worker"))
    asked = PulsarCondition(
        topic=topic.connection.topic,
        admin=HttpApi(url=guarded.admin_url, token_file=token_file),
        brokers=1,
        backlog_bytes_max=1_000,
    )
    assert asked.backlog().values == {metrics.BACKLOG_PERCENT: 0.0}
    found = asked.missing()
    assert found.values == {}
    assert f"give the role of {token_file} the right" in str(found.trouble)
    token_file.write_text(guarded.token())
    assert asked.missing().values == {metrics.BROKERS_MISSING: 0}

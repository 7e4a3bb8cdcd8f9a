"""What the real broker says of itself and its topic, to a watcher that takes part in nothing."""

from collections.abc import Callable

from pipeline import metrics
from pipeline.core.records import Position
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_condition import KafkaCondition
from tests.integration.kafka.topics import Topic, numbered
from tests.integration.readers import Reader, poll_until


def test_a_broker_that_is_there_is_not_missing_and_two_others_are(topic: Topic) -> None:
    found = KafkaCondition(connection=topic.connection, brokers=3).found()
    assert found.values == {metrics.BROKERS_MISSING: 2, metrics.UNDER_REPLICATED: 0}
    assert found.trouble is None


def test_a_topic_that_is_not_there_is_named_and_hides_no_broker(topic: Topic) -> None:
    nowhere = topic.connection.model_copy(update={"topic": "nowhere"})
    found = KafkaCondition(connection=nowhere, brokers=1).found()
    assert found.values == {metrics.BROKERS_MISSING: 0}
    assert "there is no Kafka topic nowhere" in str(found.trouble)


def test_lag_is_what_the_broker_holds_after_a_position(topic: Topic, source: KafkaSource) -> None:
    topic.send(*numbered(0, 10))
    shard = topic.shard(0)
    assert source.lag(shard, after=None) == 10
    assert source.lag(shard, after=Position(6)) == 3
    topic.expire(before=8)
    assert source.lag(shard, after=Position(3)) == 2
    assert source.lag(topic.shard(1), after=None) == 0


def test_whoever_looks_takes_no_partition_from_a_worker(
    topic: Topic, source: KafkaSource, reader: Callable[..., Reader]
) -> None:
    topic.send(*numbered(0, 10))
    worker = reader()
    poll_until(lambda: len(worker.held) == 2, worker)
    heard = list(worker.heard)
    for _ in range(3):
        source.lag(topic.shard(0), after=None)
        source.read_after(topic.shard(0), after=None, origin=None, records_max=1)
        KafkaCondition(connection=topic.connection, brokers=1).found()
        worker.poll()
    topic.send(*numbered(10, 5))
    poll_until(lambda: len(worker.values(topic.shard(0))) == 15, worker)
    assert worker.heard == heard

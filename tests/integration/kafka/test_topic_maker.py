"""A topic that nobody else can make is made by the workers that are to read it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from pipeline.consumer.streams import subscription_of
from pipeline.errors import OperatingError
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import Complaints, partitions_of
from pipeline.sources.kafka_topic import properties_of
from pipeline.sources.kafka_topic_maker import make_topic
from pipeline.sources.wanted_topic import WantedTopic
from tests.integration.kafka.topics import Topic

HOUR_MS = 3_600_000


def wanted(partitions: int = 2, hours: int = 24) -> WantedTopic:
    properties = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(hours * HOUR_MS)}
    return WantedTopic(partitions=partitions, properties=properties)


@pytest.fixture
def missing(topic: Topic) -> KafkaConnection:
    """A connection to a topic that is not there yet."""
    return topic.connection.model_copy(update={"topic": f"t{uuid4().hex[:12]}"})


def made(topic: Topic, connection: KafkaConnection) -> tuple[int, dict[str, str]]:
    asked: tuple[Any, ...] = (topic.admin, connection, Complaints())
    kept = properties_of(*asked)
    return partitions_of(*asked), {name: kept[name] for name in wanted().properties}


def test_a_worker_that_is_told_to_makes_its_topic_and_reads_it(missing: KafkaConnection) -> None:
    with pytest.raises(OperatingError, match="there is no Kafka topic"):
        subscription_of(missing, {}, table="ledger")
    subscription_of(missing, {}, table="ledger", wanted=wanted()).close()


def test_workers_that_start_together_make_one_topic(topic: Topic, missing: KafkaConnection) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(make_topic, missing, wanted(6)) for _ in range(4)]:
            done.result()
    assert made(topic, missing) == (6, dict(wanted().properties))


def test_a_topic_gets_what_it_lacks_and_loses_no_partition(
    topic: Topic, missing: KafkaConnection
) -> None:
    make_topic(missing, wanted(2, hours=24))
    make_topic(missing, wanted(5, hours=72))
    assert made(topic, missing) == (5, dict(wanted(hours=72).properties))
    make_topic(missing, wanted(3, hours=72))
    assert made(topic, missing) == (5, dict(wanted(hours=72).properties))


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"bootstrap_servers": "127.0.0.1:1"}, r"cannot reach Kafka at 127\.0\.0\.1:1"),
        ({"topic": ".."}, r"Kafka topic \.\. at .*"),
    ],
)
def test_what_is_in_the_way_is_told_once_its_time_is_over(
    missing: KafkaConnection, update: dict[str, str], told: str
) -> None:
    with pytest.raises(OperatingError, match=told):
        make_topic(missing.model_copy(update=update), wanted(), seconds_max=0)

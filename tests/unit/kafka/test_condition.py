"""What a Kafka's metadata say of its brokers and the topic's copies."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import ClusterMetadata, PartitionMetadata, TopicMetadata  # type: ignore[attr-defined]

from pipeline import metrics
from pipeline.probe import Found
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import Complaints
from pipeline.sources.kafka_condition import KafkaCondition, lacking

CONNECTION = KafkaConnection(bootstrap_servers="127.0.0.1:1", topic="flights")


def partition(
    *, leader: int = 1, replicas: tuple[int, ...] = (1, 2, 3), isrs: tuple[int, ...] = (3, 1, 2)
) -> PartitionMetadata:
    made = PartitionMetadata()
    made.leader, made.replicas, made.isrs = leader, list(replicas), list(isrs)
    return made


def topic(*partitions: PartitionMetadata, error: int | None = None) -> TopicMetadata:
    made = TopicMetadata()
    made.partitions = dict(enumerate(partitions))
    made.error = None if error is None else KafkaError(error)
    return made


def without_leader() -> PartitionMetadata:
    return partition(leader=-1)


def in_error() -> PartitionMetadata:
    made = partition()
    made.error = KafkaError(KafkaError.REPLICA_NOT_AVAILABLE)
    return made


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (topic(partition(), partition()), 0),
        (topic(partition(), partition(isrs=(1, 2))), 1),
        (topic(without_leader(), partition()), 1),
        (topic(in_error(), partition(isrs=())), 2),
        (topic(partition(leader=2, replicas=(2,), isrs=(2,))), 0),
    ],
)
def test_a_partition_without_a_copy_or_a_leader_counts_once(
    found: TopicMetadata, count: int
) -> None:
    assert lacking(found) == count


@dataclass
class Admin:
    """A client whose broker tells what the test says."""

    told: ClusterMetadata
    asked: list[str] = field(default_factory=list)

    def list_topics(self, name: str, *, timeout: float) -> ClusterMetadata:
        self.asked.append(name)
        return self.told


def condition(told: TopicMetadata, *, there: int, brokers: int | None) -> Found:
    cluster = ClusterMetadata()
    cluster.brokers = dict.fromkeys(range(there))
    cluster.topics = {"flights": told}
    made = KafkaCondition(connection=CONNECTION, brokers=brokers)
    made.__dict__["_client"] = cast("Any", (Admin(cluster), Complaints()))
    return made.found()


def test_brokers_that_are_not_there_are_counted() -> None:
    found = condition(topic(partition()), there=2, brokers=3)
    assert found.values == {metrics.BROKERS_MISSING: 1, metrics.UNDER_REPLICATED: 0}
    assert found.trouble is None


def test_brokers_beyond_those_expected_are_no_negative_number() -> None:
    found = condition(topic(partition()), there=4, brokers=3)
    assert found.values[metrics.BROKERS_MISSING] == 0


def test_brokers_are_not_counted_where_nobody_knows_their_number() -> None:
    found = condition(topic(partition(isrs=(1,))), there=2, brokers=None)
    assert found.values == {metrics.UNDER_REPLICATED: 1}


def test_a_topic_that_is_not_there_hides_no_broker() -> None:
    told = topic(error=KafkaError.UNKNOWN_TOPIC_OR_PART)
    found = condition(told, there=2, brokers=3)
    assert found.values == {metrics.BROKERS_MISSING: 1}
    assert "there is no Kafka topic flights" in str(found.trouble)


@pytest.mark.parametrize(("brokers", "values"), [(3, {metrics.BROKERS_MISSING: 3}), (None, {})])
def test_where_no_broker_answers_all_of_them_are_missing(
    brokers: int | None, values: dict[Any, int]
) -> None:
    found = KafkaCondition(connection=CONNECTION, brokers=brokers, seconds_max=1.0).found()
    assert found.values == values
    assert "cannot reach Kafka at 127.0.0.1:1" in str(found.trouble)

"""A topic is looked at before anything is read from it."""

import pytest

from pipeline.consumer.streams import subscription_of
from pipeline.errors import OperatingError, UserError
from pipeline.sources.kafka_topic import require_fit
from tests.integration.kafka.topics import Topic


def test_a_topic_with_the_brokers_clock_is_fit(topic: Topic) -> None:
    require_fit(topic.connection)


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("message.timestamp.type", "CreateTime", "set message.timestamp.type=LogAppendTime"),
        ("cleanup.policy", "compact", "set cleanup.policy=delete"),
        ("cleanup.policy", "compact,delete", "set cleanup.policy=delete"),
    ],
)
def test_a_topic_that_would_lose_events_unseen_is_refused(
    topic: Topic, name: str, value: str, mend: str
) -> None:
    topic.recreate({name: value})
    with pytest.raises(UserError, match=mend):
        require_fit(topic.connection)


def test_a_topic_or_a_broker_that_is_not_there_is_told(topic: Topic) -> None:
    with pytest.raises(OperatingError, match="there is no Kafka topic missing"):
        require_fit(topic.connection.model_copy(update={"topic": "missing"}))
    down = topic.connection.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(OperatingError, match=r"cannot reach Kafka at 127\.0\.0\.1:1: Connect"):
        require_fit(down, seconds_max=4)


def test_a_worker_does_not_begin_on_a_topic_that_is_not_fit(topic: Topic) -> None:
    topic.recreate({"message.timestamp.type": "CreateTime"})
    with pytest.raises(UserError, match="LogAppendTime"):
        subscription_of(topic.connection, {}, table="ledger")

"""How a Kafka and its topic are, as its own metadata tells: brokers, copies, leaders."""

from dataclasses import dataclass
from functools import cached_property

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, PartitionMetadata, TopicMetadata  # type: ignore[attr-defined]

from pipeline import metrics
from pipeline.metrics import Metric, Value
from pipeline.probe import Found
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import (
    ANSWER_SECONDS_MAX,
    Complaints,
    Token,
    client_settings,
    make,
    trouble_of,
)


@dataclass(frozen=True, kw_only=True)
class KafkaCondition:
    """Asks with one client, which finds its way back to brokers that come back."""

    connection: KafkaConnection
    brokers: int | None
    """How many there should be; None: nobody knows."""
    token: Token | None = None
    seconds_max: float = ANSWER_SECONDS_MAX

    def found(self) -> Found:
        """Return brokers that are missing, and partitions of the topic that lack a copy.

        When no broker answers, all of them are missing, and the trouble says why. Raises UserError
        and OperatingError when no client can be made.
        """
        admin, complaints = self._client
        topic = self.connection.topic
        try:
            told = admin.list_topics(topic, timeout=self.seconds_max)
        except KafkaException as error:
            admin.poll(0)  # what there is to say is said to `complaints` in a poll
            trouble = complaints.unreachable(self.connection, error.args[0].str())
            return Found(values=self._missing(0), trouble=trouble)
        complaints.answered()
        values = self._missing(len(told.brokers))
        found = told.topics[topic]
        if found.error is not None:
            return Found(values=values, trouble=trouble_of(self.connection, found.error))
        return Found(values={**values, metrics.UNDER_REPLICATED: lacking(found)})

    @cached_property
    def _client(self) -> tuple[AdminClient, Complaints]:
        complaints = Complaints()
        settings = client_settings(self.connection, complaints, token=self.token)
        return make(AdminClient, settings), complaints

    def _missing(self, there: int) -> dict[Metric, Value]:
        if self.brokers is None:
            return {}
        return {metrics.BROKERS_MISSING: max(0, self.brokers - there)}


def lacking(topic: TopicMetadata) -> int:
    """Return how many partitions have a replica out of sync, or no leader."""
    return sum(_lacks(each) for each in topic.partitions.values())


def _lacks(partition: PartitionMetadata) -> bool:
    """A replica's broker that is away may be an error of the partition too (Kafka protocol)."""
    return (
        partition.error is not None
        or partition.leader < 0
        or len(partition.isrs) < len(partition.replicas)
    )

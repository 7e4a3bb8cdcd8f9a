"""Which source and which subscription a connection means; the brokers' clients load only here."""

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.core.records import Position, ShardId
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.seams import Source
from pipeline.sources.connections import (
    Connection,
    KafkaConnection,
    KinesisConnection,
    PulsarConnection,
)
from pipeline.sources.discards import Discards
from pipeline.sources.kinesis import KinesisSource
from pipeline.sources.subscription import Subscription
from pipeline.sources.wanted_topic import WantedTopic


class TopicSource(Source, Protocol):
    """A topic that can be read by position; several threads may, in the name of no group."""

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int:
        """Return how many records a partition holds after a position, all of them after None.

        Raises OperatingError.
        """
        ...

    def close(self) -> None:
        """Give back the connections."""
        ...


def source_of(
    connection: Connection, clients: Mapping[str, Any], *, table: str, bucket: str
) -> Source:
    """Return the stream to be read by position; `clients` are boto3's by service.

    `table` is the ledger's, `bucket` the lake's. Raises UserError for what can never be reached.
    """
    if isinstance(connection, KinesisConnection):
        discards = Discards(clients["s3"], bucket)
        return KinesisSource(clients["kinesis"], connection.stream, discards)
    return topic_source_of(connection, clients, table=table)


def topic_source_of(
    connection: KafkaConnection | PulsarConnection, clients: Mapping[str, Any], *, table: str
) -> TopicSource:
    """Return a topic to be read by position. Raises UserError for what can never be reached."""
    known = DynamoLedger(clients["dynamodb"], table).shards
    if isinstance(connection, KafkaConnection):
        from pipeline.sources.kafka import KafkaSource

        return KafkaSource(connection, known=known)
    from pipeline.sources.pulsar import PulsarSource

    return PulsarSource(connection, known=known)


def subscription_of(
    connection: Connection,
    clients: Mapping[str, Any],
    *,
    table: str,
    wanted: WantedTopic | None = None,
) -> Subscription:
    """Return a worker's own part in the stream; Kinesis' leases lie in the ledger's table.

    A Kafka topic is made first where it is `wanted`. Raises UserError for a stream on which events
    could not be accounted for, OperatingError for one that there is not.
    """
    match connection:
        case KinesisConnection(stream=name):
            from pipeline.sources.kinesis_subscription import KinesisSubscription

            return KinesisSubscription(clients["kinesis"], name, clients["dynamodb"], table)
        case KafkaConnection():
            from pipeline.sources.kafka_subscription import KafkaSubscription
            from pipeline.sources.kafka_topic import require_fit

            if wanted is not None:
                from pipeline.sources.kafka_topic_maker import make_topic

                make_topic(connection, wanted)
            require_fit(connection)
            return KafkaSubscription(connection)
        case PulsarConnection():
            from pipeline.sources.pulsar_subscription import PulsarSubscription

            return PulsarSubscription(connection)

"""Which source and which subscription a connection means; the brokers' clients load only here."""

from collections.abc import Mapping
from typing import Any

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


def source_of(
    connection: Connection, clients: Mapping[str, Any], *, table: str, bucket: str
) -> Source:
    """Return the stream to be read by position; `clients` are boto3's by service.

    `table` is the ledger's, `bucket` the lake's. Raises UserError for what can never be reached.
    """
    match connection:
        case KinesisConnection(stream=name):
            return KinesisSource(clients["kinesis"], name, Discards(clients["s3"], bucket))
        case KafkaConnection():
            from pipeline.sources.kafka import KafkaSource

            known = DynamoLedger(clients["dynamodb"], table).shards
            return KafkaSource(connection, known=known)
        case PulsarConnection():
            from pipeline.sources.pulsar import PulsarSource

            known = DynamoLedger(clients["dynamodb"], table).shards
            return PulsarSource(connection, known=known)


def subscription_of(
    connection: Connection, clients: Mapping[str, Any], *, table: str
) -> Subscription:
    """Return a worker's own part in the stream; Kinesis' leases lie in the ledger's table.

    Raises UserError for a stream on which events could not be accounted for.
    """
    match connection:
        case KinesisConnection(stream=name):
            from pipeline.sources.kinesis_subscription import KinesisSubscription

            return KinesisSubscription(clients["kinesis"], name, clients["dynamodb"], table)
        case KafkaConnection():
            from pipeline.sources.kafka_subscription import KafkaSubscription
            from pipeline.sources.kafka_topic import require_fit

            require_fit(connection)
            return KafkaSubscription(connection)
        case PulsarConnection():
            from pipeline.sources.pulsar_subscription import PulsarSubscription

            return PulsarSubscription(connection)

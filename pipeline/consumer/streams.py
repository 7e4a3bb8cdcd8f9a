"""Which subscription and which source a connection means; the brokers' clients load only here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UserError
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


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream as the worker has it: to follow, and to read by position."""

    name: str
    subscription: Subscription
    source: Source


def open_stream(
    connection: Connection, clients: Mapping[str, Any], *, table: str, bucket: str
) -> Stream:
    """Return the stream; `clients` are the pipeline's boto3 clients by service.

    Raises OperatingError or UserError for a broker that cannot be reached or does not have it.
    """
    match connection:
        case KinesisConnection(stream=name):
            from pipeline.sources.kinesis_subscription import KinesisSubscription

            source = KinesisSource(clients["kinesis"], name, Discards(clients["s3"], bucket))
            subscription = KinesisSubscription(clients["kinesis"], name, clients["dynamodb"], table)
            return Stream(name=name, subscription=subscription, source=source)
        case KafkaConnection() | PulsarConnection():
            raise UserError(f"the worker does not know {connection.kind} streams; use kinesis")

"""Which transport carries a producer's records: the one of its connection."""

from collections.abc import Mapping
from typing import Any

import boto3

from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.settings import ProducerSettings, client_config
from pipeline.producer.transport import Transport
from pipeline.sources.connections import Connection, KafkaConnection, KinesisConnection


def transport_for(
    connection: Connection, settings: ProducerSettings, *, where: Mapping[str, Any]
) -> Transport:
    """Return a transport of its own for one producer; brokers' clients load only here.

    `where` is what a boto3 client needs (region_name, endpoint_url, ...). Raises UserError and
    OperatingError for a broker that cannot be reached.
    """
    match connection:
        case KinesisConnection(stream=name):
            made = boto3.session.Session().client(
                "kinesis", config=client_config(settings), **where
            )
            return KinesisTransport(made, name)
        case KafkaConnection():
            from pipeline.producer.kafka import KafkaTransport

            return KafkaTransport(connection)
        case _:
            from pipeline.producer.pulsar import PulsarTransport

            return PulsarTransport(connection)

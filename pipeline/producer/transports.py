"""Which transport carries a producer's records: the one of its connection."""

from collections.abc import Mapping
from typing import Any

import boto3

from pipeline.errors import UserError
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.settings import ProducerSettings, client_config
from pipeline.producer.transport import Transport
from pipeline.sources.connections import Connection, KinesisConnection, PulsarConnection


def transport_for(
    connection: Connection, settings: ProducerSettings, *, where: Mapping[str, Any]
) -> Transport:
    """Return a transport of its own for one producer.

    `where` is what a boto3 client needs (region_name, endpoint_url, ...).
    """
    if isinstance(connection, PulsarConnection):
        from pipeline.producer.pulsar import PulsarTransport

        return PulsarTransport(connection)
    if not isinstance(connection, KinesisConnection):
        raise UserError(f"nothing here sends to {connection.kind}")
    client = boto3.session.Session().client("kinesis", config=client_config(settings), **where)
    return KinesisTransport(client, connection.stream)

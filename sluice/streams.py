"""A stack's own stream, whichever that is: a worker to look at it and sweep, a way to send."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from pipeline.environment import WorkerSettings, clients
from pipeline.functions import worker_for
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transport import Transport
from pipeline.producer.transports import transport_for
from pipeline.sources.connections import KinesisConnection
from pipeline.worker import Worker
from sluice.stack import Stack

HOUR_SECONDS = 3600


@contextmanager
def worker_of(stack: Stack) -> Iterator[Worker]:
    """Give a worker on the stack's ledger, lake and stream; what it opened is closed at the end."""
    if isinstance(stack.connection, KinesisConnection):
        yield worker_for(stack.environment)
        return
    from pipeline.consumer.streams import topic_source_of
    from pipeline.consumer.wiring import worker_on

    outputs = stack.outputs
    connection = stack.connection
    settings = WorkerSettings(
        connection=connection,
        ledger_table=outputs["ledger_table"],
        lake_bucket=outputs["lake_bucket"],
        window_seconds=outputs["settings"]["window_seconds"],
        retention_seconds=outputs["settings"]["retention_hours"] * HOUR_SECONDS,
        run_seconds_max=outputs["settings"]["run_seconds_max"],
    )
    made = clients(**stack.where)
    with closing(topic_source_of(connection, made, table=settings.ledger_table)) as source:
        yield worker_on(source, made, settings)


@contextmanager
def stack_transport(stack: Stack, settings: ProducerSettings | None = None) -> Iterator[Transport]:
    """Give what carries records to the stack's stream; it is closed at the end."""
    chosen = settings or ProducerSettings()
    transport = transport_for(stack.connection, chosen, where=stack.where)
    try:
        yield transport
    finally:
        transport.close()

"""How a watcher's parts are put together, from its settings and its clients."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

from pipeline.consumer.pool import ThreadPool
from pipeline.consumer.streams import topic_source_of
from pipeline.consumer.wiring import monotonic_ms, worker_on
from pipeline.core.units import SECOND_MS
from pipeline.environment import WatcherSettings, wall_clock_ms
from pipeline.errors import UserError
from pipeline.metric_log import MetricLog
from pipeline.probe import Canaries, Part, oldest
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transports import transport_for
from pipeline.sources.connections import KafkaConnection, KinesisConnection, PulsarConnection
from pipeline.watcher.canaries import TopicCanaries
from pipeline.watcher.certificate import certificate_of
from pipeline.watcher.lag import behind
from pipeline.watcher.watch import Watch

BEGINS: Final = 1 / 4
ANSWERED: Final = 1 / 2
"""Shares of a period: when in it a look begins, and how long brokers may take to answer at most. So
each of CloudWatch's minutes, which begin with the clock's, gets one value, early or late in it."""


@contextmanager
def watch_on(settings: WatcherSettings, clients: Mapping[str, Any]) -> Iterator[Watch]:
    """Give a watch; `clients` are boto3's by service. What it opened is closed at the end.

    Raises UserError for what can never be watched; brokers are first asked by the parts.
    """
    connection = settings.connection
    if isinstance(connection, KinesisConnection):
        raise UserError("a Kinesis stream has its probe, a function: watch a topic of a broker")
    period_ms = settings.watch_seconds * SECOND_MS
    source = topic_source_of(connection, clients, table=settings.ledger_table)
    transport = TopicCanaries(lambda: transport_for(connection, ProducerSettings(), where={}))
    with closing(source), closing(transport):
        worker = worker_on(source, clients, settings)
        canaries = Canaries(
            send=transport.send,
            s3=clients["s3"],
            bucket=settings.lake_bucket,
            seconds_max=settings.canary_seconds_max,
            clock_ms=wall_clock_ms,
        )
        parts: dict[str, Part] = {
            **condition_of(connection, settings),
            "oldest event": lambda: oldest(worker),
            "records behind": lambda: behind(source, worker.ledger),
            "canary sent": canaries.sent,
            "canary seen": canaries.seen,
        }
        with closing(ThreadPool(len(parts))) as pool:
            yield Watch(
                parts,
                metric_log=MetricLog(
                    namespace=settings.metrics_namespace,
                    stream=connection.name,
                    clock_ms=wall_clock_ms,
                    log=sys.stdout,
                ),
                pool=pool,
                period_ms=period_ms,
                first_ms=(round(BEGINS * period_ms) - wall_clock_ms()) % period_ms,
                silence_ms_max=settings.health_age_seconds_max * SECOND_MS,
                grace_ms=settings.grace_seconds * SECOND_MS,
                clock_ms=monotonic_ms,
            )


def condition_of(
    connection: KafkaConnection | PulsarConnection, settings: WatcherSettings
) -> dict[str, Part]:
    """Return the parts that look at the brokers, whose clients load only here."""
    watched = settings.watched
    if isinstance(connection, KafkaConnection):
        from pipeline.sources.kafka_client import ANSWER_SECONDS_MAX
        from pipeline.sources.kafka_condition import KafkaCondition

        seconds_max = min(ANSWER_SECONDS_MAX, ANSWERED * settings.watch_seconds)
        kafka = KafkaCondition(
            connection=connection, brokers=watched.brokers, seconds_max=seconds_max
        )
        return {"brokers": kafka.found}
    from pipeline.sources.pulsar_admin import HttpApi
    from pipeline.sources.pulsar_condition import PulsarCondition

    admin = None
    if watched.admin_url is not None:
        admin = HttpApi(
            url=watched.admin_url, ca_file=connection.ca_file, token_file=connection.token_file
        )
    certificate = certificate_of(connection, wall_clock_ms)
    condition = PulsarCondition(
        topic=connection.topic,
        admin=admin,
        # A bookie asks for no token, and is shown none.
        bookie=HttpApi(url=watched.bookie_url) if watched.bookie_url else None,
        brokers=watched.brokers,
        bookies=watched.bookies,
        backlog_bytes_max=watched.backlog_bytes_max,
    )
    return {
        "brokers": condition.missing,
        "copies": condition.under_replicated,
        "disks": condition.disk,
        "backlog": condition.backlog,
        **({"certificate": certificate.found} if certificate else {}),
    }

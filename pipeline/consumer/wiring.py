"""How a worker's parts are put together, from its settings and its clients."""

import random
import sys
import time
from collections.abc import Mapping
from typing import Any

from pipeline.assembly import assembled
from pipeline.consumer.batches import BatchRules
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.health import HealthRules
from pipeline.consumer.loop import Loop, LoopSettings
from pipeline.consumer.pool import Pool
from pipeline.consumer.service import Periods, Service
from pipeline.consumer.takes import Takes
from pipeline.core.units import SECOND_MS
from pipeline.environment import WorkerSettings, wall_clock_ms
from pipeline.ledger.seams import Source
from pipeline.long_running import Stop
from pipeline.metric_log import MetricLog
from pipeline.sources.subscription import Subscription
from pipeline.worker import Worker


def monotonic_ms() -> int:
    """Return a clock that nobody sets, in milliseconds."""
    return time.monotonic_ns() // 1_000_000


def worker_on(source: Source, clients: Mapping[str, Any], settings: WorkerSettings) -> Worker:
    """Return the protocol's worker on a stream; `clients` are boto3's by service.

    Half of a run is for work and half for its last calls, so that a take is over by its deadline.
    """
    return assembled(
        source,
        settings,
        dynamodb=clients["dynamodb"],
        s3=clients["s3"],
        clock_ms=wall_clock_ms,
        margin_ms=settings.run_seconds_max * SECOND_MS // 2,
        retention_ms=settings.retention_seconds * SECOND_MS,
    )


def service_on(
    subscription: Subscription,
    worker: Worker,
    settings: WorkerSettings,
    *,
    pool: Pool,
    stop: Stop,
    gauges: Gauges,
) -> Service:
    """Return a worker's life, wired."""
    takes = Takes(
        worker,
        run_ms_max=settings.run_seconds_max * SECOND_MS,
        clock_ms=wall_clock_ms,
        gauges=gauges,
    )
    loop = Loop(
        subscription=subscription,
        takes=takes,
        pool=pool,
        settings=LoopSettings(
            rules=BatchRules(
                bytes_max=settings.batch_bytes,
                records_max=settings.batch_records,
                age_ms=settings.batch_age_ms,
                age_ms_max=settings.batch_age_ms_max,
            ),
            buffer_bytes=settings.buffer_bytes,
            threads=settings.threads,
            grace_ms=settings.grace_seconds * SECOND_MS,
        ),
        clock_ms=monotonic_ms,
        wall_ms=wall_clock_ms,
        chance=random.random,
        stop=stop,
    )
    return Service(
        loop=loop,
        takes=takes,
        pool=pool,
        gauges=gauges,
        metric_log=MetricLog(
            namespace=settings.metrics_namespace,
            stream=settings.connection.name,
            clock_ms=wall_clock_ms,
            log=sys.stdout,
        ),
        lag=lambda shard, after: subscription.lag(shard, after=after),
        periods=Periods(
            sweep_ms=settings.sweep_seconds * SECOND_MS,
            report_ms=settings.report_seconds * SECOND_MS,
        ),
        health=HealthRules(
            age_ms_max=settings.health_age_seconds_max * SECOND_MS,
            silence_ms_max=settings.broker_silence_seconds_max * SECOND_MS,
        ),
        clock_ms=monotonic_ms,
        chance=random.random,
    )

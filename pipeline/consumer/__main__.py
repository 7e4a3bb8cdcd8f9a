"""`python -m pipeline.consumer`: one worker, told by environment variables, until SIGTERM."""

import logging
import os
import random
import signal
import sys
import threading
import time
from typing import Any, Final

from botocore.config import Config

from pipeline.canary import with_canaries
from pipeline.consumer.batches import BatchRules
from pipeline.consumer.endpoint import Endpoint
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.health import HealthRules
from pipeline.consumer.loop import Loop, LoopSettings
from pipeline.consumer.pool import ThreadPool
from pipeline.consumer.service import Periods, Service
from pipeline.consumer.streams import Stream, open_stream
from pipeline.consumer.takes import Takes
from pipeline.core.batch import Limits
from pipeline.core.dedupe import SeenIds
from pipeline.domain import catalog
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import (
    CLIENT_CONFIG,
    WorkerSettings,
    clients,
    wall_clock_ms,
    worker_settings,
)
from pipeline.errors import SluiceError, UserError
from pipeline.functions import core_for
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.settings import ProtocolSettings
from pipeline.metrics import MetricLog
from pipeline.sinks.s3 import S3Store
from pipeline.worker import THREADS, Worker

log = logging.getLogger("sluice.worker")

SECOND_MS: Final = 1000
BESIDE_TAKES: Final = 3
"""Threads for what runs beside the takes: the sweep, the report, a look at the ledger."""
CLIENTS: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
"""A call is over within 25 seconds, so that a take's last one ends before its deadline."""


def worker_on(stream: Stream, made: dict[str, Any], settings: WorkerSettings) -> Worker:
    """Return the protocol's worker on a stream, with real parts."""
    run_ms_max = settings.run_seconds_max * SECOND_MS
    window_ms = settings.window_seconds * SECOND_MS
    return Worker(
        ledger=DynamoLedger(made["dynamodb"], settings.ledger_table),
        store=S3Store(made["s3"], settings.lake_bucket),
        source=stream.source,
        core=core_for(with_canaries(catalog()), Limits()),
        settings=ProtocolSettings(
            window_ms=window_ms,
            run_ms_max=run_ms_max,
            margin_ms=run_ms_max // 2,
            retention_ms=settings.retention_seconds * SECOND_MS,
            empty_seen=SeenIds.empty(window_ms=window_ms),
            known_good=KNOWN_GOOD,
        ),
        clock_ms=wall_clock_ms,
    )


def monotonic_ms() -> int:
    """Return a clock that nobody sets, in milliseconds."""
    return time.monotonic_ns() // 1_000_000


def service_on(
    stream: Stream,
    made: dict[str, Any],
    settings: WorkerSettings,
    *,
    pool: ThreadPool,
    stop: threading.Event,
    gauges: Gauges,
) -> Service:
    """Return a worker's life, wired."""
    takes = Takes(
        worker_on(stream, made, settings),
        run_ms_max=settings.run_seconds_max * SECOND_MS,
        clock_ms=wall_clock_ms,
        gauges=gauges,
    )
    loop = Loop(
        subscription=stream.subscription,
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
        idle=stop.wait,
    )
    return Service(
        loop=loop,
        takes=takes,
        pool=pool,
        gauges=gauges,
        metric_log=MetricLog(
            namespace=settings.metrics_namespace,
            stream=stream.name,
            clock_ms=wall_clock_ms,
            log=sys.stdout,
        ),
        lag=lambda shard, after: stream.subscription.lag(shard, after=after),
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


def main() -> int:
    """Run the worker. Returns 0 after SIGTERM, 1 for a defect, 2 for a person's mistake."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = worker_settings()
        config = CLIENT_CONFIG.merge(CLIENTS)
        connections = (settings.threads + BESIDE_TAKES) * THREADS
        made = clients(config=config.merge(Config(max_pool_connections=connections)))
        stream = open_stream(
            settings.connection, made, table=settings.ledger_table, bucket=settings.lake_bucket
        )
        pool, gauges = ThreadPool(settings.threads + BESIDE_TAKES), Gauges()
        service = service_on(stream, made, settings, pool=pool, stop=stop, gauges=gauges)
        endpoint = Endpoint(
            settings.http_host, settings.http_port, health=service.health, metrics=gauges.text
        )
        log.info("at work on %s; http://%s:%d", stream.name, settings.http_host, endpoint.port)
        service.run(stop)
    except UserError as mistake:
        log.error("%s", mistake)  # noqa: TRY400 - one line for a person, no trace
        return 2
    except SluiceError as trouble:
        log.critical("stopped: %s", trouble)
        return 1
    except Exception:
        log.exception("stopped: a defect")
        return 1
    log.info("left in good order")
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # A take that outlived its grace would hold the interpreter up: its fence protects the lake.
    os._exit(code)

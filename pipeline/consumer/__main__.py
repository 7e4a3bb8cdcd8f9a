"""`python -m pipeline.consumer`: one worker, told by environment variables, until SIGTERM."""

import gc
import logging
from typing import Final

from botocore.config import Config

from pipeline.consumer.endpoint import Endpoint
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.pool import ThreadPool
from pipeline.consumer.streams import source_of, subscription_of
from pipeline.consumer.wiring import service_on, worker_on
from pipeline.environment import CLIENT_CONFIG, WorkerSettings, clients, long_running_settings
from pipeline.long_running import Stop, leave, run
from pipeline.worker import THREADS

log = logging.getLogger("sluice.worker")

BESIDE_TAKES: Final = 3
"""Threads for what runs beside the takes: the sweep, the report, a look at the ledger."""
COLLECT_AFTER: Final = 50_000
"""Objects made between two looks of the garbage collector. Records wait by the ten thousand and are
in no cycle: at Python's own 700 they were looked at again and again, for a quarter of all CPU time.
"""
CALLS: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
"""A call is over within 25 seconds, so that a take's last one ends before its deadline."""


def work(stop: Stop) -> None:
    """Work until told to stop. Raises what ends a worker."""
    settings = long_running_settings(WorkerSettings)
    connections = Config(max_pool_connections=(settings.threads + BESIDE_TAKES) * THREADS)
    made = clients(config=CLIENT_CONFIG.merge(CALLS).merge(connections))
    table, bucket = settings.ledger_table, settings.lake_bucket
    source = source_of(settings.connection, made, table=table, bucket=bucket)
    subscription = subscription_of(
        settings.connection, made, table=table, wanted=settings.wanted_topic
    )
    gauges = Gauges()
    service = service_on(
        subscription,
        worker_on(source, made, settings),
        settings,
        pool=ThreadPool(settings.threads + BESIDE_TAKES),
        stop=stop,
        gauges=gauges,
    )
    host, port = settings.http_host, settings.http_port
    endpoint = Endpoint(host, port, health=service.health, metrics=gauges.text)
    log.info("at work on %s; http://%s:%d", settings.connection.name, host, endpoint.port)
    gc.freeze()  # what is there by now stays
    gc.set_threshold(COLLECT_AFTER)
    service.run(stop)


def main() -> int:
    """Run the worker; see `pipeline.long_running.run`."""
    return run(work, log)


if __name__ == "__main__":
    # A take that outlived its grace would hold the interpreter up: its fence protects the lake.
    leave(main())

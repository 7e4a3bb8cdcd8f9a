"""What the deployed functions do: settings and clients in, one verb of the worker, metrics out."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

from pipeline import metrics
from pipeline.assembly import assembled
from pipeline.auditing import audit
from pipeline.canary import send_canary
from pipeline.environment import (
    Environment,
    client,
    function_environment,
    function_settings,
    scaling,
    wall_clock_ms,
)
from pipeline.errors import Refused
from pipeline.ledger.state import TakeOutcome
from pipeline.meter import Meter
from pipeline.metric_log import MetricLog
from pipeline.metrics import Metric, Value
from pipeline.probe import Canaries, probe
from pipeline.shard_scaler import Scaler
from pipeline.sources.discards import Discards
from pipeline.sources.kinesis import KinesisSource
from pipeline.sources.lambda_event import records_by_shard
from pipeline.worker import Worker

RemainingMs = Callable[[], int]


def worker_for(environment: Environment) -> Worker:
    """Return a worker on the parts that the environment names."""
    settings = environment.settings
    discards = Discards(environment.s3, settings.lake_bucket)
    return assembled(
        KinesisSource(environment.kinesis, settings.stream, discards),
        settings,
        dynamodb=environment.dynamodb,
        s3=environment.s3,
        clock_ms=environment.clock_ms,
    )


def process_stream(event: Mapping[str, Any], remaining_ms: RemainingMs) -> dict[str, Any]:
    """Take one batch; answer which record to go on from, none when all of it is committed (I5).

    The answer is a partial batch response (Lambda guide, "services-kinesis-batchfailure").
    Raises whatever the take raises: Lambda then delivers the batch again.
    """
    process = _process()
    clock_ms = process.environment.clock_ms
    started_ms = clock_ms()
    cold = next(process.runs) == 0
    shard, records = records_by_shard(event)
    with _metered(process.environment) as run:
        run.properties["shards"] = [shard]
        run.more[metrics.COLD_STARTS] = int(cold)
        try:
            outcome = process.worker.take(
                shard, records, deadline_ms=started_ms + remaining_ms(), watch=run.meter.saw
            )
        finally:
            run.more[metrics.BATCH_MS] = clock_ms() - started_ms
        run.took(outcome)
    if outcome.first_uncommitted is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": str(outcome.first_uncommitted)}]}


def sweep_ledger(remaining_ms: RemainingMs) -> dict[str, Any]:
    """Finish on every shard what no batch will finish; answer what was left alone and why (T5)."""
    process = _process()
    deadline_ms = process.environment.clock_ms() + remaining_ms()
    with _metered(process.environment) as run:
        outcomes = process.worker.sweep(deadline_ms=deadline_ms, watch=run.meter.saw)
        run.properties["shards"] = [outcome.shard for outcome in outcomes]
        for outcome in outcomes:
            run.took(outcome)
    return {
        "swept": len(outcomes),
        "waiting": {o.shard: o.waits_for for o in outcomes if o.waits_for},
    }


def probe_freshness(_remaining_ms: RemainingMs) -> dict[str, Any]:
    """Measure how late the lake is and send a canary; answer what was found.

    Raises the first trouble, once all that could be measured is on the log.
    """
    process = _process()
    environment, settings = process.environment, process.environment.settings
    canaries = Canaries(
        send=lambda now_ms: send_canary(environment.kinesis, settings.stream, now_ms=now_ms),
        s3=environment.s3,
        bucket=settings.lake_bucket,
        seconds_max=settings.canary_seconds_max,
        clock_ms=environment.clock_ms,
    )
    return probe(process.worker, canaries, metric_log(environment))


def audit_lake(remaining_ms: RemainingMs) -> dict[str, Any]:
    """Hold a part of the stream against the lake; answer what was audited and what was found."""
    process = _process()
    return audit(
        process.worker,
        process.environment,
        metric_log(process.environment),
        deadline_ms=process.environment.clock_ms() + remaining_ms(),
    )


def scale_shards() -> dict[str, Any]:
    """Bring the stream a step nearer to the shards that it should have; answer what was done."""
    return _scaler().scale()


@lru_cache(maxsize=1)
def _scaler() -> Scaler:
    """Return this process's scaler, made by its first run; it calls nothing but these two."""
    settings = function_settings()
    return Scaler(
        stream=settings.stream,
        scaling=scaling(),
        kinesis=client("kinesis"),
        cloudwatch=client("cloudwatch"),
        log=MetricLog(
            namespace=settings.metrics_namespace,
            stream=settings.stream,
            clock_ms=wall_clock_ms,
            log=sys.stdout,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Process:
    """What a function's process keeps from run to run; `runs` counts them from 0."""

    environment: Environment
    worker: Worker
    runs: Iterator[int] = field(default_factory=count)


@lru_cache(maxsize=1)
def _process() -> Process:
    """Return this process's environment and its worker, made by its first run."""
    environment = function_environment()
    return Process(environment=environment, worker=worker_for(environment))


def metric_log(environment: Environment) -> MetricLog:
    """Return where this function's metrics go: the log that Lambda ships to CloudWatch."""
    return MetricLog(
        namespace=environment.settings.metrics_namespace,
        stream=environment.settings.stream,
        clock_ms=environment.clock_ms,
        log=sys.stdout,
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What one run's metrics are made of."""

    meter: Meter = field(default_factory=Meter)
    more: dict[Metric, Value] = field(default_factory=dict)
    properties: dict[str, object] = field(default_factory=dict)

    def took(self, outcome: TakeOutcome) -> None:
        """Count what only a take's outcome tells: the tails of shards that left the stream."""
        self.meter.lost_ends += outcome.lost_ends


@contextmanager
def _metered(environment: Environment) -> Iterator[_Run]:
    """Write a run's metrics when it ends, also when it raises: what was published stays counted."""
    run = _Run()
    try:
        yield run
    except Refused:
        run.meter.conflicts += 1
        raise
    finally:
        run.meter.write(metric_log(environment), more=run.more, properties=run.properties)

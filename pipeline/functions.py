"""What the deployed functions do: settings and clients in, one verb of the worker, metrics out."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from pipeline import metrics
from pipeline.core.batch import Batch, Limits, LostRange
from pipeline.core.catalog import Catalog
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import process
from pipeline.core.records import Position, Record
from pipeline.core.result import Attempt, CoreResult
from pipeline.domain import catalog
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import Environment, function_environment
from pipeline.errors import BrokenInvariant
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.seams import Core, Seen
from pipeline.ledger.settings import ProtocolSettings
from pipeline.ledger.state import TakeOutcome
from pipeline.sinks.s3 import S3Store
from pipeline.sources.discards import Discards
from pipeline.sources.kinesis import KinesisSource
from pipeline.sources.lambda_event import records_by_shard
from pipeline.worker import Worker

SECOND_MS: Final = 1000
RemainingMs = Callable[[], int]


def worker_for(environment: Environment) -> Worker:
    """Return a worker on the parts that the environment names."""
    settings = environment.settings
    return Worker(
        ledger=DynamoLedger(environment.dynamodb, settings.ledger_table),
        store=S3Store(environment.s3, settings.lake_bucket),
        source=KinesisSource(
            environment.kinesis,
            settings.stream,
            Discards(environment.s3, settings.lake_bucket),
        ),
        core=core_for(catalog(), Limits()),
        settings=ProtocolSettings(
            window_ms=settings.window_seconds * SECOND_MS,
            run_ms_max=settings.run_seconds_max * SECOND_MS,
            empty_seen=SeenIds.empty(window_ms=settings.window_seconds * SECOND_MS),
            known_good=KNOWN_GOOD,
        ),
        clock_ms=environment.clock_ms,
    )


def core_for(catalog: Catalog, limits: Limits) -> Core:
    """Return the core over these contracts, in the shape in which the protocol asks for it."""

    def core(
        records: tuple[Record, ...],
        *,
        masked: frozenset[Position],
        lost: tuple[LostRange, ...],
        attempt: Attempt,
        seen: Seen,
    ) -> CoreResult:
        if not isinstance(seen, SeenIds):
            raise BrokenInvariant(f"the core knows ids by SeenIds, not by {type(seen).__name__}")
        batch = Batch(records=records, masked=masked, lost=lost)
        return process(batch, attempt=attempt, seen=seen, catalog=catalog, limits=limits)

    return core


def process_stream(event: Mapping[str, Any], remaining_ms: RemainingMs) -> dict[str, Any]:
    """Take one batch; answer which record to go on from, none when all of it is committed (I5).

    The answer is a partial batch response (Lambda guide, "services-kinesis-batchfailure").
    Raises whatever the take raises: Lambda then delivers the batch again.
    """
    environment, worker = _function()
    started_ms = environment.clock_ms()
    shard, records = records_by_shard(event)
    outcome = worker.take(shard, records, deadline_ms=started_ms + remaining_ms())
    _report([outcome], environment, duration_ms=environment.clock_ms() - started_ms)
    if outcome.first_uncommitted is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": str(outcome.first_uncommitted)}]}


def sweep_ledger(remaining_ms: RemainingMs) -> dict[str, Any]:
    """Finish on every shard what no batch will finish; answer what was left alone and why (T5)."""
    environment, worker = _function()
    started_ms = environment.clock_ms()
    outcomes = worker.sweep(deadline_ms=started_ms + remaining_ms())
    _report(outcomes, environment, duration_ms=environment.clock_ms() - started_ms)
    return {
        "swept": len(outcomes),
        "waiting": {o.shard: o.waits_for for o in outcomes if o.waits_for},
    }


@lru_cache(maxsize=1)
def _function() -> tuple[Environment, Worker]:
    """Return this process's environment and its worker, warm from run to run."""
    environment = function_environment()
    return environment, worker_for(environment)


def _report(outcomes: Sequence[TakeOutcome], environment: Environment, *, duration_ms: int) -> None:
    """Write one line of embedded metrics for what these takes committed."""
    counts = [outcome.counts for outcome in outcomes]
    reasons: Counter[str] = Counter()
    for each in counts:
        reasons.update(each.quarantined_by_reason)
    line = metrics.embedded(
        {
            metrics.RECORDS: sum(c.records for c in counts),
            metrics.RECEIVED: sum(c.received for c in counts),
            metrics.STORED: sum(c.stored for c in counts),
            metrics.DUPLICATES: sum(c.duplicates for c in counts),
            metrics.QUARANTINED: sum(c.quarantined for c in counts),
            metrics.BATCH_MS: duration_ms,
            metrics.LOST: sum(outcome.lost for outcome in outcomes),
            metrics.MASKED: sum(outcome.masked for outcome in outcomes),
        },
        namespace=environment.settings.metrics_namespace,
        dimensions={metrics.STREAM_DIMENSION: environment.settings.stream},
        timestamp_ms=environment.clock_ms(),
        properties={"shards": [o.shard for o in outcomes], "quarantined_by_reason": reasons},
    )
    metrics.emit(line, sys.stdout)

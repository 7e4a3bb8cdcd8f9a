"""The protocol's worker, put together alike for a function and for a long-running process."""

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

from pipeline.canary import with_canaries
from pipeline.core.batch import Batch, Limits, LostRange
from pipeline.core.catalog import Catalog
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import process
from pipeline.core.records import Position, Record
from pipeline.core.result import Attempt, CoreResult
from pipeline.core.units import SECOND_MS
from pipeline.domain import catalog
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import FunctionSettings, WorkerSettings
from pipeline.errors import BrokenInvariant
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.seams import Core, Seen, Source
from pipeline.ledger.settings import ProtocolSettings
from pipeline.sinks.s3 import S3Store
from pipeline.worker import Worker


class Bounds(TypedDict, total=False):
    """What of `ProtocolSettings` is not the same for all."""

    margin_ms: int
    retention_ms: int


def assembled(
    source: Source,
    settings: FunctionSettings | WorkerSettings,
    *,
    dynamodb: Any,
    s3: Any,
    clock_ms: Callable[[], int],
    **bounds: Unpack[Bounds],
) -> Worker:
    """Return a worker on a stream; `dynamodb` and `s3` are boto3's clients."""
    window_ms = settings.window_seconds * SECOND_MS
    return Worker(
        ledger=DynamoLedger(dynamodb, settings.ledger_table),
        store=S3Store(s3, settings.lake_bucket),
        source=source,
        core=core_for(with_canaries(catalog()), Limits()),
        settings=ProtocolSettings(
            window_ms=window_ms,
            run_ms_max=settings.run_seconds_max * SECOND_MS,
            empty_seen=SeenIds.empty(window_ms=window_ms),
            known_good=KNOWN_GOOD,
            **bounds,
        ),
        clock_ms=clock_ms,
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

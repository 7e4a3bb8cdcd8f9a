"""Puts a worker together: the protocol on DynamoDB, S3 and Kinesis, with the pure core inside."""

from dataclasses import dataclass, field

from pipeline.core.batch import Batch, Limits, LostRange
from pipeline.core.catalog import Catalog
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import process
from pipeline.core.records import Position, Record
from pipeline.core.result import Attempt, CoreResult
from pipeline.environment import Environment
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.seams import Seen
from pipeline.ledger.settings import ProtocolSettings
from pipeline.sinks.s3 import S3Store
from pipeline.sources.discards import Discards
from pipeline.sources.kinesis import KinesisSource
from pipeline.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineCore:
    """The pure core bound to a deployment's contracts and limits."""

    catalog: Catalog
    limits: Limits = field(default_factory=Limits)

    def __call__(
        self,
        records: tuple[Record, ...],
        *,
        masked: frozenset[Position],
        lost: tuple[LostRange, ...],
        attempt: Attempt,
        seen: Seen,
    ) -> CoreResult:
        """Return the range's files, ids and counts as bytes."""
        if not isinstance(seen, SeenIds):
            raise TypeError(f"the core needs SeenIds, not {type(seen).__name__}")
        return process(
            Batch(records=records, masked=masked, lost=lost),
            attempt=attempt,
            seen=seen,
            catalog=self.catalog,
            limits=self.limits,
        )


def assemble(
    environment: Environment, catalog: Catalog, *, known_good: Record | None = None
) -> Worker:
    """Return a worker on the parts that an environment names.

    `known_good` is a record of the deployment's own that its core must survive before another
    record is masked as poison.
    """
    settings = environment.settings
    window_ms = settings.window_seconds * 1000
    return Worker(
        ledger=DynamoLedger(environment.dynamodb, settings.ledger_table),
        store=S3Store(environment.s3, settings.lake_bucket),
        source=KinesisSource(
            environment.kinesis,
            settings.stream,
            Discards(environment.s3, settings.lake_bucket),
        ),
        core=PipelineCore(catalog=catalog),
        settings=ProtocolSettings(
            window_ms=window_ms,
            run_ms_max=settings.run_seconds_max * 1000,
            empty_seen=SeenIds.empty(window_ms=window_ms),
            known_good=known_good,
        ),
        clock_ms=environment.clock_ms,
    )

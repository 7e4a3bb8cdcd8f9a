"""A stack on the embedded AWS whose worker runs in this process, under the contracts of a test."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import supervisor
from pipeline.assembly import core_for
from pipeline.core.batch import Limits
from pipeline.core.catalog import Catalog
from pipeline.core.records import Position, Record
from pipeline.core.result import CoreResult
from pipeline.domain import catalog
from pipeline.domain.contracts import DEPARTURES
from pipeline.environment import wall_clock_ms
from pipeline.functions import worker_for
from pipeline.ledger.seams import Core
from sluice.stack import Stack
from tests.embedded_aws import make_ledger
from tests.faults.stack.conftest import Rig

RUN_SECONDS_MAX = 60
LOOK_SECONDS = 0.1


def strict() -> Catalog:
    """Return the contracts with a mistake: no flight has the length of any real one."""
    fields = tuple(
        replace(each, maximum=1) if each.name == "distance_miles" else each
        for each in DEPARTURES.fields
    )
    shipped = catalog()
    return replace(shipped, contracts=(replace(DEPARTURES, fields=fields), *shipped.contracts[1:]))


@dataclass(frozen=True, kw_only=True)
class Masking:
    """A core to which every record is one that killed the process."""

    core: Core

    def __call__(
        self, records: tuple[Record, ...], *, masked: frozenset[Position], **rest: Any
    ) -> CoreResult:
        return self.core(records, masked=frozenset(r.position for r in records), **rest)


@dataclass(kw_only=True)
class Consumer:
    """Takes what is on the stream, as the mapping would, until it is stopped."""

    stack: Stack
    core: Core = field(default_factory=lambda: core_for(strict(), Limits()))
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        worker = worker_for(self.stack.environment)
        while not self._stopping.wait(LOOK_SECONDS):
            for status in worker.pending():
                if status.waiting is not None:
                    worker.core = self.core
                    read = worker.source.read_after(
                        status.shard, after=status.committed, origin=None, records_max=1_000
                    )
                    deadline_ms = wall_clock_ms() + RUN_SECONDS_MAX * 1000
                    worker.take(status.shard, read.records, deadline_ms=deadline_ms)

    def stop(self) -> None:
        self._stopping.set()

    def fix(self) -> None:
        """Deploy the right contracts."""
        self.core = core_for(catalog(), Limits())

    def mask(self) -> None:
        """Deploy a defect that kills the process at any record."""
        self.core = Masking(core=self.core)


@dataclass(kw_only=True)
class ReplayRig(Rig):
    """A rig with its consumer."""

    consumer: Consumer


@pytest.fixture
def window_seconds() -> int:
    """The dedupe window; a test overrides it."""
    return 300


@pytest.fixture
def rig(aws: supervisor.LocalAws, tmp_path: Path, window_seconds: int) -> Iterator[ReplayRig]:
    """A stream of one shard, a table, a bucket, and a consumer with the wrong contracts."""
    name = f"t{secrets.token_hex(6)}"
    stack = Stack(
        name=name,
        folder=tmp_path,
        endpoint=aws.endpoint,
        outputs={
            "region": aws.region,
            "stream_name": name,
            "ledger_table": name,
            "lake_bucket": name,
            "settings": {"window_seconds": window_seconds, "run_seconds_max": RUN_SECONDS_MAX},
        },
    )
    make_ledger(boto3.client("dynamodb", **stack.where), name)
    stack.environment.s3.create_bucket(Bucket=name)
    stack.environment.kinesis.create_stream(StreamName=name, ShardCount=1)
    consumer = Consumer(stack=stack)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    yield ReplayRig(stack=stack, settings={}, consumer=consumer)
    consumer.stop()
    thread.join()

"""A ledger table, a lake bucket and a stream on the embedded AWS, over real HTTP."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import pytest

from infra.local.supervisor import LocalAws
from pipeline import names
from pipeline.core.records import Record, ShardId
from pipeline.environment import clients
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.protocol import take
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import TakeOutcome
from pipeline.sinks.s3 import S3Store
from pipeline.sources.discards import Discards
from pipeline.sources.kinesis import KinesisSource
from pipeline.testing.core import ScriptedCore, ScriptedSeen
from pipeline.testing.run import Run, SimulatedWorker
from tests.embedded_aws import aws as local_aws
from tests.embedded_aws import make_ledger, where

__all__ = ["local_aws"]

RUN_MS_MAX = 60_000


@dataclass(kw_only=True)
class Aws:
    """One test's table, bucket and stream, and workers on them."""

    kinesis: Any
    dynamodb: Any
    s3: Any
    name: str
    clock_ms: int

    @property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(self.dynamodb, self.name)

    @property
    def store(self) -> S3Store:
        return S3Store(self.s3, self.name)

    @property
    def source(self) -> KinesisSource:
        return KinesisSource(self.kinesis, self.name, Discards(self.s3, self.name))

    @property
    def shard(self) -> ShardId:
        return self.source.shards()[0].shard

    @property
    def settings(self) -> ProtocolSettings:
        seen = ScriptedSeen(window_ms=300_000)
        return ProtocolSettings(window_ms=300_000, run_ms_max=RUN_MS_MAX, empty_seen=seen)

    def put(self, *texts: str) -> tuple[Record, ...]:
        """Put one record a text into the first shard, and read them back as a batch."""
        shard = self.shard
        for text in texts:
            answer = self.kinesis.put_record(
                StreamName=self.name, Data=text.encode(), PartitionKey="k"
            )
            assert answer["ShardId"] == shard
        everything = self.source.read_after(shard, after=None, origin=None, records_max=1000)
        return everything.records[-len(texts) :]

    def worker(self, **parts: Any) -> SimulatedWorker:
        """Return a cold process on the real parts, or on those given."""
        real = {"ledger": self.ledger, "store": self.store, "source": self.source, **parts}
        return SimulatedWorker(
            name="w",
            core=ScriptedCore(),
            clock=lambda: self.clock_ms,
            tokens=iter(lambda: secrets.token_hex(16), ""),
            **real,
        )

    def start(self, worker: SimulatedWorker, records: tuple[Record, ...]) -> Run[TakeOutcome]:
        work = Take(
            shard=self.shard,
            records=records,
            deadline_ms=self.clock_ms + RUN_MS_MAX,
            until_ms=self.clock_ms,
        )
        return Run(worker, take(work, self.settings), lambda: None)

    def keys(self, prefix: str) -> list[str]:
        answer = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def lake(self) -> list[str]:
        """Return the ids of all visible rows, sorted."""
        bodies = [
            self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
            for key in self.keys(names.LAKE_PREFIX)
        ]
        return sorted(row[0] for body in bodies for row in json.loads(body))


@pytest.fixture
def aws(local_aws: LocalAws) -> Aws:
    """A table, a bucket and a stream of one shard, new for each test."""
    made = clients(**where(local_aws))
    name = f"t{secrets.token_hex(6)}"
    make_ledger(made["dynamodb"], name)
    made["s3"].create_bucket(Bucket=name)
    made["kinesis"].create_stream(StreamName=name, ShardCount=1)
    return Aws(**made, name=name, clock_ms=int(time.time() * 1000))

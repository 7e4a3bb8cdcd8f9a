"""A mapping's rules driven by hand, and the emulator's Kinesis in process, by a manual clock."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import kinesis

from infra.local import resharding, shards
from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.settings import Settings

Function = Callable[[list[int]], Any]


class Failure(Exception):
    """What the function raises to fail."""


class Throttled(Exception):
    """What keeps the function from being invoked."""


@dataclass(kw_only=True)
class History:
    """What happened: each invocation's records, and each batch that was given up."""

    invoked: list[list[int]] = field(default_factory=list)
    discarded: list[tuple[list[int], rules.Condition, int]] = field(default_factory=list)
    succeeded: list[int] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def accounted(self) -> list[int]:
        return sorted({*self.succeeded, *(i for batch, _, _ in self.discarded for i in batch)})


@dataclass(kw_only=True)
class Driver:
    """Feeds a shard in reads of given sizes and carries out what the rules say."""

    settings: Settings
    function: Function
    now: float = 1_000.0
    history: History = field(default_factory=History)
    commands_max: int = 20_000

    def run(self, records: Sequence[rules.Record], *, read_sizes: Sequence[int] = ()) -> History:
        shard = rules.Shard(self.settings)
        left, sizes = list(records), list(read_sizes)
        for _ in range(self.commands_max):
            match shard.next(self.now):
                case rules.Read(not_before=at):
                    self.now = max(self.now, at)
                    size = sizes.pop(0) if sizes else len(left)
                    read, left = left[:size], left[size:]
                    shard.read(read, now=self.now, ended=not left, next_read=self.now + 1.0)
                case rules.Wait(until=until):
                    assert until > self.now
                    self.now = until
                case rules.Invoke(batch=batch):
                    self._invoke(shard, batch)
                case rules.Discard(batch=batch, condition=condition):
                    given_up = [record.sequence for record in batch.records]
                    self.history.discarded.append((given_up, condition, batch.invocations))
                    shard.discarded()
                case rules.Finished():
                    self.history.ended_at = self.now
                    return self.history
        raise AssertionError("the shard never ends")

    def _invoke(self, shard: rules.Shard, batch: rules.Batch) -> None:
        sequences = [record.sequence for record in batch.records]
        before = shard.checkpoint or 0
        try:
            answer = rules.Answer(failed=False, result=self.function(sequences))
        except Failure:
            answer = rules.Answer(failed=True)
        except Throttled:
            shard.not_invoked(now=self.now)
            return
        self.history.invoked.append(sequences)
        shard.answered(answer, now=self.now)
        self.history.succeeded += [i for i in sequences if before < i <= (shard.checkpoint or 0)]


@pytest.fixture
def make_records() -> Callable[..., list[rules.Record]]:
    def make(count: int, *, arrival: float = 1_000.0, body: bytes = b"{}") -> list[rules.Record]:
        return [
            rules.Record(sequence=number, arrival=arrival, body=body)
            for number in range(1, count + 1)
        ]

    return make


@pytest.fixture
def drive() -> Callable[..., Driver]:
    def make(function: Function, **settings: Any) -> Driver:
        return Driver(settings=Settings(**settings), function=function)

    return make


@pytest.fixture
def failure() -> type[Exception]:
    return Failure


@pytest.fixture
def throttled() -> type[Exception]:
    return Throttled


class Refusal(Exception):
    """What the emulator's Kinesis refused, by its code."""


class KinesisApi:
    """The emulator's own dispatcher with our replacements, for one stream."""

    refusal = Refusal

    def call(self, operation: str, **data: Any) -> dict[str, Any]:
        request = json.dumps({"StreamName": "s", **data}).encode()
        target = {"x-amz-target": f"Kinesis_20131202.{operation}"}
        status, _, body = asyncio.run(kinesis.handle_request("POST", "/", target, request, {}))
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            raise Refusal(answer["__type"])
        return answer

    def put(self, *hash_keys: int, size: int = 0) -> list[str]:
        """Put a record at each hash key; return the shards that took them."""
        records = [
            {
                "Data": base64.b64encode(str(key).encode().ljust(size)).decode(),
                "PartitionKey": "p",
                "ExplicitHashKey": str(key),
            }
            for key in hash_keys
        ]
        return [record["ShardId"] for record in self.call("PutRecords", Records=records)["Records"]]

    def listed(self, **options: Any) -> dict[str, dict[str, Any]]:
        return {shard["ShardId"]: shard for shard in self.call("ListShards", **options)["Shards"]}

    def opened(self) -> dict[str, tuple[int, int]]:
        """Return each open shard's first and last hash key."""
        return {
            shard_id: (
                int(shard["HashKeyRange"]["StartingHashKey"]),
                int(shard["HashKeyRange"]["EndingHashKey"]),
            )
            for shard_id, shard in self.listed(ShardFilter={"Type": "AT_LATEST"}).items()
        }

    def iterator(self, shard_id: str, kind: str = "TRIM_HORIZON", **position: Any) -> str:
        opened = self.call("GetShardIterator", ShardId=shard_id, ShardIteratorType=kind, **position)
        return str(opened["ShardIterator"])

    def read(self, iterator: str, **options: Any) -> tuple[list[str], dict[str, Any]]:
        """Return the data of one read, and its whole answer."""
        answer = self.call("GetRecords", ShardIterator=iterator, **options)
        data = [base64.b64decode(record["Data"]).decode().strip() for record in answer["Records"]]
        return data, answer

    def read_to_end(self, shard_id: str) -> tuple[list[str], list[str]]:
        """Return a closed shard's data and its children."""
        at: str | None = self.iterator(shard_id)
        data: list[str] = []
        while at is not None:
            more, answer = self.read(at, Limit=2)
            data += more
            at = answer.get("NextShardIterator")
        return data, [child["ShardId"] for child in answer["ChildShards"]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=1_800_000_000.0)
    for module in (kinesis, shards, resharding):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now.seconds))
    return now


@pytest.fixture
def api(clock: SimpleNamespace) -> Iterator[KinesisApi]:
    resharding.install()
    with request_scope("000000000000", "us-east-1"):
        kinesis.reset()
        yield KinesisApi()
        kinesis.reset()

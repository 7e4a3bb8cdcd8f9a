"""The worker around the verbs: its own deadline, its threads, what it keeps warm, what is pure."""

import ast
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline import ledger
from pipeline.core.records import Record, ShardId
from pipeline.errors import OperatingError, Refused
from pipeline.ledger.effects import PutStaged
from pipeline.ledger.settings import ProtocolSettings
from pipeline.testing.core import ScriptedCore, ScriptedSeen
from pipeline.testing.memory import MemoryLedger, MemoryStore
from pipeline.testing.stream import ManualClock, ScriptedStream
from pipeline.worker import Worker

IMPURE = {"boto3", "botocore", "os", "random", "secrets", "socket", "threading", "time", "uuid"}
STORAGE = {"claims.py", "dynamodb.py", "rewind.py"}


class Parts:
    """A worker on parts in memory."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.clock = ManualClock()
        self.stream = ScriptedStream(self.clock)
        self.shard = self.stream.open("s0")
        self.ledger = MemoryLedger()
        self.store = store or MemoryStore()
        self.worker = Worker(
            ledger=self.ledger,
            store=self.store,
            source=self.stream,
            core=ScriptedCore(),
            settings=ProtocolSettings(
                window_ms=1_000, run_ms_max=60_000, empty_seen=ScriptedSeen(window_ms=1_000)
            ),
            clock_ms=self.clock,
        )

    def take(self, records: tuple[Record, ...], *, within_ms: int = 60_000) -> Any:
        return self.worker.take(self.shard, records, deadline_ms=self.clock() + within_ms)


def test_a_stalled_store_ends_the_attempt_with_a_word_before_the_platform_kills_it() -> None:
    parts = Parts()

    class Stalls(MemoryStore):
        def put_staged(self, key: str, body: bytes, /) -> None:
            parts.clock.advance(59_500)
            super().put_staged(key, body)

    parts.worker.store = Stalls()
    records = parts.stream.put(parts.shard, "a")

    with pytest.raises(OperatingError, match="no time left for CommitTransaction"):
        parts.take(records)

    opened = parts.ledger.heads[parts.shard].open_range
    assert opened is not None
    assert opened.tokens == ()
    assert parts.ledger.commits == {}


def test_threads_have_ended_when_a_verb_returns() -> None:
    parts = Parts()
    before = threading.active_count()
    parts.take(parts.stream.put(parts.shard, *(f"e{n}@{n}" for n in range(20))))
    assert threading.active_count() == before
    assert len(parts.store.visible) == 20


def test_the_first_error_of_parallel_work_is_raised_after_all_of_it_has_ended() -> None:
    ended = []

    class Fails(MemoryStore):
        def put_staged(self, key: str, body: bytes, /) -> None:
            ended.append(key)
            if key == "b":
                raise OperatingError("S3 is away")

    parts = Parts(Fails())
    with pytest.raises(OperatingError, match="S3 is away"):
        parts.worker.together([PutStaged(key, b"") for key in "abc"])
    assert sorted(ended) == ["a", "b", "c"]


def test_tokens_are_never_drawn_twice_and_fit_a_request_token() -> None:
    worker = Parts().worker
    drawn = {worker.new_token() for _ in range(1_000)}
    assert len(drawn) == 1_000
    assert all(len(token) <= 36 for token in drawn)


def test_a_sweep_stops_when_its_time_is_over() -> None:
    parts = Parts()
    assert parts.worker.sweep(deadline_ms=parts.clock() + 100) == ()


def test_a_sweep_leaves_a_shard_to_the_run_that_took_it_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise Refused("the head has changed since it was read")

    parts = Parts()
    monkeypatch.setattr(parts.worker, "_run", refused)
    assert parts.worker.sweep(deadline_ms=parts.clock() + 60_000) == ()


def test_a_shard_without_a_head_shows_what_waits() -> None:
    parts = Parts()
    (record,) = parts.stream.put(parts.shard, "a")
    parts.clock.advance(70)
    (status,) = parts.worker.pending()
    assert (status.shard, status.waiting, status.lag_ms) == (ShardId("s0"), record.position, 70)
    assert not status.drained


def test_the_protocol_imports_no_client_clock_random_or_environment() -> None:
    folder = Path(ledger.__path__[0])
    for path in sorted(folder.glob("*.py")):
        if path.name in STORAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            assert not {name.partition(".")[0] for name in names} & IMPURE, path.name

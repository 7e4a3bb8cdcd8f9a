"""A command's own worker on a stack's topic: with the stack's settings, not with a worker's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.consumer import streams as consumer_streams
from pipeline.core.records import ShardId
from pipeline.worker import Worker
from sluice.stack import Stack
from sluice.streams import worker_of

NOW_MS = 1_000_000


def stack_of(tmp_path: Path, *, run_seconds_max: int) -> Stack:
    outputs: dict[str, Any] = {
        "region": "us-east-1",
        "connection": {"kind": "kafka", "bootstrap_servers": "127.0.0.1:1", "topic": "events"},
        "ledger_table": "ledger",
        "lake_bucket": "lake",
        "settings": {
            "window_seconds": 300,
            "retention_hours": 24,
            "run_seconds_max": run_seconds_max,
        },
    }
    return Stack(name="dev", folder=tmp_path, outputs=outputs, endpoint="http://127.0.0.1:1")


@pytest.mark.parametrize("run_seconds_max", [60, 900])
def test_its_sweep_gets_to_the_shards_in_a_run_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_seconds_max: int
) -> None:
    closed: list[bool] = []
    source = SimpleNamespace(close=lambda: closed.append(True))
    monkeypatch.setattr(consumer_streams, "topic_source_of", lambda *_, **__: source)
    swept: list[int] = []
    monkeypatch.setattr(Worker, "_listed", lambda self: (ShardId("0"),))
    monkeypatch.setattr(Worker, "_shards", lambda self, listed: listed)
    monkeypatch.setattr(Worker, "_run", lambda self, _, *, deadline_ms, watch: swept.append(1))

    with worker_of(stack_of(tmp_path, run_seconds_max=run_seconds_max)) as worker:
        monkeypatch.setattr(worker, "_clock_ms", lambda: NOW_MS)
        worker.sweep(deadline_ms=NOW_MS + run_seconds_max * 1000)
    assert (swept, closed) == ([1], [True])

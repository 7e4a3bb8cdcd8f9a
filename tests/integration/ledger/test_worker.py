"""The worker with the real core, assembled as a function assembles it, on the embedded AWS."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import names
from pipeline.assembly import assemble
from pipeline.domain import catalog
from pipeline.environment import Environment, FunctionSettings
from pipeline.worker import Worker

CHANGE = {
    "type": "plane_changes",
    "producer": "p",
    "aircraft": "N1",
    "operation": "update",
    "transaction": 1,
    "manufacturer": "M",
    "model": "X",
    "engines": 2,
    "seats": 10,
}
EVENT_TIME_MS = time.time_ns() // 1_000_000


@pytest.fixture
def make_worker(aws: Any) -> Callable[[], Worker]:
    def make() -> Worker:
        settings = FunctionSettings(
            stream=aws.name,
            ledger_table=aws.name,
            lake_bucket=aws.name,
            window_seconds=300,
            run_seconds_max=60,
            metrics_namespace="Sluice",
        )
        parts = {"kinesis": aws.kinesis, "dynamodb": aws.dynamodb, "s3": aws.s3}
        environment = Environment(settings=settings, clock_ms=lambda: aws.clock_ms, **parts)
        return assemble(environment, catalog())

    return make


def change(name: str) -> str:
    """Return one line of an event that keeps its contract."""
    sequence = int(name.removeprefix("id"))
    return json.dumps({**CHANGE, "id": name, "sequence": sequence, "event_time": EVENT_TIME_MS})


def rows(aws: Any, table: str) -> list[dict[str, Any]]:
    """Return a table's visible rows."""
    found: list[dict[str, Any]] = []
    for key in aws.keys(f"{names.LAKE_PREFIX}{table}/"):
        body = aws.s3.get_object(Bucket=aws.name, Key=key)["Body"].read()
        found += pq.read_table(io.BytesIO(body)).to_pylist()
    return found


def test_events_end_in_the_lake_once_and_bad_ones_in_quarantine(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    worker = make_worker()
    records = aws.put(change("id1"), change("id2"), "not json", change("id1"))

    outcome = worker.take(aws.shard, records, deadline_ms=aws.clock_ms + 60_000)
    again = make_worker().take(aws.shard, records, deadline_ms=aws.clock_ms + 60_000)

    assert sorted(row["id"] for row in rows(aws, "plane_changes")) == ["id1", "id2"]
    assert len(rows(aws, names.QUARANTINE_TABLE)) == 1
    assert outcome.counts.received == 4
    assert (outcome.counts.stored, outcome.counts.duplicates) == (2, 1)
    assert again.counts.received == 0
    assert again.first_uncommitted is None


def test_a_warm_worker_and_a_cold_one_drop_the_same_copies(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    worker = make_worker()
    deadline_ms = aws.clock_ms + 60_000
    worker.take(aws.shard, aws.put(change("id1")), deadline_ms=deadline_ms)
    warm = worker.take(aws.shard, aws.put(change("id1"), change("id2")), deadline_ms=deadline_ms)
    cold = make_worker().take(aws.shard, aws.put(change("id2")), deadline_ms=deadline_ms)

    assert (warm.counts.stored, warm.counts.duplicates) == (1, 1)
    assert (cold.counts.stored, cold.counts.duplicates) == (0, 1)


def test_a_take_without_time_answers_where_to_go_on(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    records = aws.put(change("id1"))

    outcome = make_worker().take(aws.shard, records, deadline_ms=aws.clock_ms + 1_000)

    assert outcome.first_uncommitted == records[0].position
    assert rows(aws, "plane_changes") == []


def test_pending_shows_what_waits_and_a_sweep_finishes_it(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    worker = make_worker()
    first = aws.put(change("id1"))
    worker.take(aws.shard, first, deadline_ms=aws.clock_ms + 60_000)
    (at_tip,) = worker.pending()
    waiting = aws.put(change("id2"))
    aws.clock_ms += 200_000
    (behind,) = worker.pending()
    worker.sweep(deadline_ms=aws.clock_ms + 60_000)
    (swept,) = make_worker().pending()

    assert at_tip.drained
    assert at_tip.committed == first[0].position
    assert behind.waiting == waiting[0].position
    assert behind.lag_ms > 100_000
    assert swept.drained
    assert sorted(row["id"] for row in rows(aws, "plane_changes")) == ["id1", "id2"]

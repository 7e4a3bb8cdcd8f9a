"""The worker with the real core, assembled as a function assembles it, on the embedded AWS."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import names
from pipeline.core.records import Position, ShardId
from pipeline.environment import Environment, FunctionSettings
from pipeline.errors import BrokenInvariant
from pipeline.functions import worker_for
from pipeline.ledger.protocol import WaitsForParent
from pipeline.ledger.state import CommitRef, Head
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
        return worker_for(environment)

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


def test_children_follow_their_split_parent_and_drop_its_copies(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    worker = make_worker()
    deadline_ms = aws.clock_ms + 60_000
    parent = aws.shard
    taken, left = aws.put(change("id1")), aws.put(change("id2"))
    worker.take(parent, taken, deadline_ms=deadline_ms)
    aws.kinesis.split_shard(
        StreamName=aws.name, ShardToSplit=parent, NewStartingHashKey=str(2**127)
    )
    answer = aws.kinesis.put_record(
        StreamName=aws.name, Data=change("id1").encode(), PartitionKey="k"
    )
    child = answer["ShardId"]
    copies = aws.source.read_after(child, after=None, origin=None, records_max=10).records
    assert child != parent

    with pytest.raises(WaitsForParent):
        worker.take(child, copies, deadline_ms=deadline_ms)
    aws.clock_ms += 200_000
    outcome = make_worker().take(child, copies, deadline_ms=aws.clock_ms + 60_000)
    for _ in range(2):
        make_worker().sweep(deadline_ms=aws.clock_ms + 60_000)

    assert outcome.counts.duplicates == 1
    assert aws.ledger.read_head(parent).closed
    assert aws.ledger.read_head(parent).committed == left[0].position
    assert aws.ledger.read_head(child).parents == (parent,)
    assert all(status.drained for status in worker.pending())
    assert sorted(row["id"] for row in rows(aws, "plane_changes")) == ["id1", "id2"]


def test_a_shard_that_left_the_stream_is_told_once_and_then_left_alone(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    gone = Head(shard=ShardId("shardId-000000000099"), revision="r", changed_ms=1)
    aws.ledger.write_head(replace(gone, committed=Position(5)), unchanged_since=None)
    worker = make_worker()

    lost = [sum(o.lost for o in worker.sweep(deadline_ms=aws.clock_ms + 60_000)) for _ in range(2)]

    assert lost == [1, 0]
    assert all(status.drained for status in worker.pending())


def test_one_shard_in_trouble_keeps_no_other_from_being_swept(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    nowhere = CommitRef(first=Position(1), token="t")
    broken = Head(
        shard=ShardId("shardId-000000000099"), revision="r", changed_ms=1, unpublished=nowhere
    )
    records = aws.put(change("id1"))
    aws.clock_ms += 200_000
    aws.ledger.write_head(broken, unchanged_since=None)

    with pytest.raises(BrokenInvariant):
        make_worker().sweep(deadline_ms=aws.clock_ms + 60_000)

    assert aws.ledger.read_head(aws.shard).committed == records[0].position


def test_a_ledger_that_came_back_empty_is_restored_from_the_journal(
    aws: Any, make_worker: Callable[[], Worker]
) -> None:
    deadline_ms = aws.clock_ms + 60_000
    first = aws.put(change("id1"))
    make_worker().take(aws.shard, first, deadline_ms=deadline_ms)
    second = aws.put(change("id2"))
    make_worker().take(aws.shard, second, deadline_ms=deadline_ms)
    before = aws.ledger.read_head(aws.shard)
    for item in aws.dynamodb.scan(TableName=aws.name)["Items"]:
        key = {name: item[name] for name in ("pk", "sk")}
        aws.dynamodb.delete_item(TableName=aws.name, Key=key)

    assert [each.shard for each in make_worker().restore()] == [aws.shard]
    copies = aws.put(change("id1"), change("id2"))
    outcome = make_worker().take(aws.shard, [*first, *second, *copies], deadline_ms=deadline_ms)

    head = aws.ledger.read_head(aws.shard)
    assert before.committed == second[0].position
    assert head.fence not in {before.fence, None}
    assert outcome.counts.duplicates == 2
    assert sorted(row["id"] for row in rows(aws, "plane_changes")) == ["id1", "id2"]

"""The verifier over the very files that the core writes, good rows and quarantine alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.audit.checksum import checksum
from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.audit.relations import find_inputs
from pipeline.audit.verdict import Validity, Verdict, Violation
from pipeline.audit.verify import verify
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.batch import Batch, Limits
from pipeline.core.catalog import Catalog
from pipeline.core.dedupe import SeenIds
from pipeline.core.payload import compress
from pipeline.core.process import process
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt, LakeFile
from pipeline.domain.contracts import PLANE_CHANGES

NOW_MS = 1_790_000_000_000
FIRST = 49_640_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000


def change(number: int) -> dict[str, Any]:
    return {
        "type": "plane_changes",
        "id": f"r1-p0-{number:012d}",
        "producer": "p0",
        "sequence": number,
        "event_time": NOW_MS + number,
        "aircraft": f"N{number % 4}",
        "operation": "update",
        "transaction": number,
        **({"built_year": 1999} if number % 2 else {}),
        "manufacturer": "BOEING",
        "model": "737-8",
        "engines": 2,
        "seats": 149,
    }


def line(number: int) -> bytes:
    """Events 7 and 17 are poison: cut short, and of a wrong type."""
    text = json.dumps(change(number)).encode()
    if number == 7:
        return text[: len(text) // 2]
    return text.replace(b'"seats": 149', b'"seats": "many"') if number == 17 else text


def record(place: int, numbers: range) -> Record:
    payload = compress(b"\n".join(line(number) for number in numbers))
    return Record(
        position=Position(FIRST + place),
        partition_key="lane-0",
        arrival_ms=NOW_MS + 500,
        data=aggregate([UserRecord(partition_key="lane-0", payload=payload)]),
    )


def files() -> tuple[LakeFile, ...]:
    """Thirty events in six records; record 2 comes twice and record 4 is masked."""
    records = [record(place, range(place * 5, place * 5 + 5)) for place in range(6)]
    records.insert(3, record(2, range(10, 15)))
    again = Position(FIRST + 2_000)
    batch = Batch(
        records=tuple(
            Record(position=again, partition_key="k", arrival_ms=r.arrival_ms, data=r.data)
            if number == 6
            else r
            for number, r in enumerate([*records[:3], *records[4:], records[3]])
        ),
        masked=frozenset({Position(FIRST + 4)}),
    )
    result = process(
        batch,
        attempt=Attempt(shard=ShardId("shardId-0"), first=Position(FIRST), token="t"),
        seen=SeenIds.empty(window_ms=300_000),
        catalog=Catalog(contracts=(PLANE_CHANGES,)),
        limits=Limits(),
    )
    assert (result.counts.duplicates, result.counts.quarantined) == (5, 3)
    return result.files


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[], Verdict]:
    rows = [
        {
            "table": "plane_changes",
            "id": event["id"],
            "producer": "p0",
            "key": event["aircraft"],
            "sequence": event["sequence"],
            "intended_us": event["event_time"] * 1_000,
            "answer": "acknowledged",
            "checksum": checksum(event, PLANE_CHANGES),
            "poison": event["sequence"] in (7, 17),
        }
        for event in map(change, range(30))
    ]
    (tmp_path / "history").mkdir()
    table = pa.Table.from_pylist(rows, schema=HISTORY_SCHEMA)
    pq.write_table(table, tmp_path / "history/p0-0.parquet")
    for file in files():
        path = tmp_path / file.final_key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.body)

    def judge() -> Verdict:
        inputs = find_inputs("r1", history=tmp_path / "history", lake=tmp_path / "lake")
        return verify(inputs, [PLANE_CHANGES], spill=tmp_path)

    return judge


def test_what_the_core_stored_and_quarantined_adds_up(judged: Callable[[], Verdict]) -> None:
    verdict = judged()
    assert verdict.reasons == ()
    assert verdict.validity is Validity.VALID
    account = verdict.account
    assert (account.sent, account.stored, account.quarantined) == (30, 23, 7)
    assert account.quarantined_poison == 2
    assert verdict.quarantined_by_reason["masked"] == 1
    assert sum(verdict.quarantined_by_reason.values()) == 3


def test_a_quarantine_file_that_vanished_is_a_loss(
    tmp_path: Path, judged: Callable[[], Verdict]
) -> None:
    for path in (tmp_path / "lake/quarantine").rglob("*.parquet"):
        path.unlink()
    assert judged().violations[Violation.LOST] == 7

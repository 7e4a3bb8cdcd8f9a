"""The verifier over Parquet files as the pipeline and the load test leave them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.audit.checksum import checksum
from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.audit.relations import Inputs, find_inputs, missing_histories
from pipeline.audit.verdict import Validity, Verdict, Violation
from pipeline.audit.verify import verify
from pipeline.core.contract import SYSTEM_FIELDS
from pipeline.domain.contracts import ACTIONS, CONTRACTS

START_MS = 1_790_000_000_000
TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp_ms": pa.timestamp("ms", tz="UTC"),
}
LAKE = pa.schema(
    [
        (field.name, TYPES[field.type])
        for field in (*ACTIONS.fields, *ACTIONS.enriched, *SYSTEM_FIELDS)
    ]
)


def action(number: int) -> dict[str, Any]:
    return {
        "type": "actions",
        "id": f"r1-p0-{number}",
        "producer": "p0",
        "sequence": number,
        "event_time": START_MS + number,
        "session": f"session-{number % 2}",
        "user": "üser",
        "action": "view",
        "carrier": "UA",
        "destination": "ORD",
        "price_cents": None if number % 3 else number,
        "duration_ms": number,
        "user_agent": "a\tb",
    }


def sent(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "table": "actions",
        "id": event["id"],
        "producer": event["producer"],
        "key": event["session"],
        "sequence": event["sequence"],
        "intended_us": event["event_time"] * 1_000,
        "answer": "acknowledged",
        "checksum": checksum(event, ACTIONS),
        "poison": False,
    }


def stored(event: dict[str, Any]) -> dict[str, Any]:
    place = {"_position": str(10**55 + event["sequence"]), "_index": 0}
    return {**event, **place, "_arrival_time": event["event_time"]}


def write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Twenty actions of one producer in two history files, stored in two shards' files."""
    events = [action(number) for number in range(20)]
    history, lake = tmp_path / "history", tmp_path / "lake/actions/dt=2026-09-21/hour=13"
    write(history / "p0-0.parquet", [sent(event) for event in events[:10]], HISTORY_SCHEMA)
    write(history / "p0-1.parquet", [sent(event) for event in events[10:]], HISTORY_SCHEMA)
    write(lake / "shardId-000-1.parquet", [stored(event) for event in events[0::2]], LAKE)
    write(lake / "shardId-001-1.parquet", [stored(event) for event in events[1::2]], LAKE)
    return tmp_path


@pytest.fixture
def judged(folders: Path) -> Callable[..., Verdict]:
    def judge(**changes: Any) -> Verdict:
        inputs = find_inputs("r1", history=folders / "history", lake=folders / "lake")
        spill = folders / "spill"
        spill.mkdir(exist_ok=True)
        return verify(replace(inputs, **changes), CONTRACTS, spill=spill)

    return judge


def lake_file(folders: Path) -> Path:
    return folders / "lake/actions/dt=2026-09-21/hour=13/shardId-000-1.parquet"


def test_a_lake_that_holds_what_was_sent_is_valid(judged: Callable[..., Verdict]) -> None:
    verdict = judged()
    assert verdict.reasons == ()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.sent, verdict.account.stored) == (20, 20)


def test_a_copy_in_another_partition_is_found_and_named(
    folders: Path, judged: Callable[..., Verdict]
) -> None:
    other = folders / "lake/actions/dt=2020-01-01/hour=00/shardId-002-9.parquet"
    write(other, [stored(action(3))], LAKE)
    verdict = judged()
    assert verdict.validity is Validity.INVALID
    assert verdict.violations[Violation.DUPLICATED] == 1
    assert verdict.examples[0].file == (
        "actions/dt=2020-01-01/hour=00/shardId-002-9.parquet, "
        "actions/dt=2026-09-21/hour=13/shardId-001-1.parquet"
    )


def test_a_value_changed_in_a_column_is_altered(
    folders: Path, judged: Callable[..., Verdict]
) -> None:
    rows = pq.read_table(lake_file(folders), partitioning=None).to_pylist()
    rows[0]["user_agent"] = "a b"
    write(lake_file(folders), rows, LAKE)
    assert judged().violations[Violation.ALTERED] == 1


def test_an_older_file_without_a_newer_column_is_read(
    folders: Path, judged: Callable[..., Verdict]
) -> None:
    rows = pq.read_table(lake_file(folders), partitioning=None).to_pylist()
    write(lake_file(folders), [row for row in rows if row["price_cents"] is not None], LAKE)
    without = [row for row in rows if row["price_cents"] is None]
    older = lake_file(folders).with_name("shardId-000-0.parquet")
    write(older, without, LAKE.remove(LAKE.get_field_index("price_cents")))
    assert judged().validity is Validity.VALID


def test_a_lake_file_that_cannot_be_read_is_unknown(
    folders: Path, judged: Callable[..., Verdict]
) -> None:
    lake_file(folders).write_bytes(b"PAR1 no parquet PAR1")
    verdict = judged()
    assert verdict.validity is Validity.UNKNOWN
    assert "shardId-000-1.parquet" in verdict.reasons[0]


def test_a_truncated_history_is_unknown(folders: Path, judged: Callable[..., Verdict]) -> None:
    path = folders / "history/p0-1.parquet"
    path.write_bytes(path.read_bytes()[:200])
    assert judged().validity is Validity.UNKNOWN


def test_a_missing_history_file_is_unknown_never_a_pass(
    folders: Path, judged: Callable[..., Verdict]
) -> None:
    (folders / "history/p0-1.parquet").rename(folders / "history/p0-2.parquet")
    verdict = judged()
    assert verdict.validity is Validity.UNKNOWN
    assert verdict.reasons == ("history file p0-1.parquet is missing",)


def test_a_run_that_was_not_drained_is_unknown(judged: Callable[..., Verdict]) -> None:
    verdict = judged(incomplete=("shard s0 is not drained",))
    assert (verdict.validity, verdict.account.stored) == (Validity.UNKNOWN, 20)


def test_a_history_shorter_than_the_load_counted_is_unknown(
    judged: Callable[..., Verdict],
) -> None:
    assert judged(sends_expected=20).validity is Validity.VALID
    verdict = judged(sends_expected=21)
    assert verdict.validity is Validity.UNKNOWN
    assert verdict.reasons == ("the history holds 20 sends of the 21 that the load counted",)


def test_no_history_at_all_is_unknown(judged: Callable[..., Verdict]) -> None:
    assert judged(history=()).validity is Validity.UNKNOWN


def test_an_empty_lake_means_that_all_is_lost(judged: Callable[..., Verdict]) -> None:
    verdict = judged(lake={})
    assert (verdict.validity, verdict.account.lost) == (Validity.INVALID, 20)


def test_a_lake_that_does_not_exist_is_unknown(folders: Path) -> None:
    inputs = find_inputs("r1", history=folders / "history", lake=folders / "lak")
    assert inputs.incomplete == (f"lake folder {folders / 'lak'} does not exist",)


def test_a_table_that_no_contract_describes_is_unknown(judged: Callable[..., Verdict]) -> None:
    verdict = judged(lake={"strangers": (Path("strangers/s-1.parquet"),)})
    assert verdict.validity is Validity.UNKNOWN
    assert "table strangers of the lake has no contract" in verdict.reasons[0]


def test_holes_in_numbered_history_files_are_named() -> None:
    assert missing_histories(["a-0.parquet", "a-1.parquet", "b-7-0.parquet"]) == []
    assert missing_histories(["a-1.parquet", "a-3.parquet"]) == [
        "history file a-0.parquet is missing",
        "history file a-2.parquet is missing",
    ]
    assert missing_histories(["a.parquet"]) == ["a.parquet is not named <producer>-<n>.parquet"]
    assert missing_histories([]) == ["there is no history file"]


def test_inputs_are_split_into_tables_and_quarantine(folders: Path) -> None:
    write(folders / "lake/quarantine/dt=x/s0-1.parquet", [], LAKE)
    inputs = find_inputs("r1", history=folders / "history", lake=folders / "lake")
    assert isinstance(inputs, Inputs)
    assert [path.name for path in inputs.quarantine] == ["s0-1.parquet"]
    assert list(inputs.lake) == ["actions"]

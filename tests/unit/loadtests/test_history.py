"""History: one row for every event, in files that are whole from the moment they appear."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.history import History
from loadtests.scripts import Rendered
from pipeline.audit.history import HISTORY_SCHEMA, Answer


def events(first: int, count: int) -> Rendered:
    return Rendered(
        ids=[f"id-{number}" for number in range(first, first + count)],
        keys=[f"key-{number % 3}" for number in range(first, first + count)],
        bodies=[b"{}"] * count,
        checksums=np.arange(first, first + count, dtype=np.uint64) + np.uint64(2**63),
    )


def history(folder: Path, rows_per_file: int = 10) -> History:
    return History(folder, table="t", producer="p-0", rows_per_file=rows_per_file)


def add(one: History, count: int, poison: tuple[int, ...] = ()) -> None:
    first = one.sent
    one.add(events(first, count), np.arange(first, first + count) * 1_000, poison)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in (folder / "history").glob("*.parquet"):
        table = pq.read_table(path)
        assert table.schema.equals(HISTORY_SCHEMA)
        found += table.to_pylist()
    return sorted(found, key=lambda row: row["sequence"])


def test_a_row_says_what_was_meant_sent_and_answered(tmp_path: Path) -> None:
    one = history(tmp_path)
    add(one, 2, poison=(1,))
    waited = one.answered(np.array([1]), Answer.ACKNOWLEDGED, sent_us=5_000, answered_us=7_000)
    one.close()
    assert waited == pytest.approx(0.006)
    assert rows(tmp_path) == [
        {
            "table": "t",
            "id": f"id-{number}",
            "producer": "p-0",
            "key": f"key-{number}",
            "sequence": number,
            "intended_us": number * 1_000,
            "sent_us": [None, 5_000][number],
            "answered_us": [None, 7_000][number],
            "answer": ["unknown", "acknowledged"][number],
            "checksum": 2**63 + number,
            "poison": number == 1,
        }
        for number in range(2)
    ]


def test_a_file_appears_once_all_its_rows_are_answered(tmp_path: Path) -> None:
    one = history(tmp_path)
    add(one, 25)
    one.answered(np.arange(1, 25), Answer.ACKNOWLEDGED, sent_us=1, answered_us=2)
    assert [p.name for p in (tmp_path / "history").iterdir()] == ["p-0-1.parquet"]
    one.answered(np.array([0]), Answer.REFUSED, sent_us=None, answered_us=2)
    one.close()
    names = sorted(p.name for p in (tmp_path / "history").iterdir())
    assert names == ["p-0-0.parquet", "p-0-1.parquet", "p-0-2.parquet"]
    assert [row["answer"] for row in rows(tmp_path)] == ["refused"] + ["acknowledged"] * 24


@given(st.lists(st.integers(1, 35), max_size=8), st.randoms())
@settings(max_examples=40, deadline=None)
def test_no_row_is_lost_or_doubled_however_events_come_and_answers_go(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("load")
    one = history(folder)
    open_sequences: list[int] = []
    for count in counts:
        open_sequences += range(one.sent, one.sent + count)
        add(one, count)
        random.shuffle(open_sequences)
        cut = random.randrange(len(open_sequences) + 1)
        answered, open_sequences = open_sequences[:cut], open_sequences[cut:]
        if answered:
            one.answered(np.array(answered), Answer.ACKNOWLEDGED, sent_us=1, answered_us=2)
    one.close()
    found = rows(folder)
    assert [row["sequence"] for row in found] == list(range(sum(counts)))
    assert [row["id"] for row in found] == [f"id-{number}" for number in range(sum(counts))]
    unknown = [row["sequence"] for row in found if row["answer"] == "unknown"]
    assert unknown == sorted(open_sequences)
    assert one.answers[Answer.ACKNOWLEDGED] == sum(counts) - len(open_sequences)

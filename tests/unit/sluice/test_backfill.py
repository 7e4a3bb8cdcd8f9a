"""What of a record a backfill sends again: what nobody has, once."""

from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress
from pipeline.core.payload import decompress as unpack
from sluice import backfill
from sluice.backfill import missing_of

LINES = [b'{"id":"%s"}' % name for name in (b"a", b"b", b"c")]
RECORD = aggregate(
    UserRecord(partition_key="k", payload=compress(body))
    for body in (LINES[0] + b"\n" + LINES[1], LINES[1] + b"\n" + LINES[2] + b"\n\xff")
)


def test_only_what_is_not_known_is_sent_and_a_copy_within_the_record_once() -> None:
    data, events = missing_of(RECORD, {"a"})
    assert (unpack(data, bytes_max=1_000), events) == (LINES[1] + b"\n" + LINES[2], 2)


def test_what_was_sent_is_known_when_a_later_record_holds_a_copy_of_it() -> None:
    known = {"a"}
    missing_of(RECORD, known)
    assert known == {"a", "b", "c"}
    assert missing_of(RECORD, known) == (b"", 0)


def test_of_a_lake_only_the_ids_that_are_asked_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(_client: object, _bucket: str, lake: Path) -> None:
        (lake / "departures").mkdir()
        pq.write_table(pa.table({"id": ["a", "b"]}), lake / "departures/one.parquet")

    monkeypatch.setattr(backfill, "copy_lake", copied)
    assert backfill.known_ids(Mock(), frozenset({"a", "c"})) == {"a"}


def test_bytes_without_an_id_are_left_out() -> None:
    assert missing_of(b"\xff\xfe", set()) == (b"", 0)

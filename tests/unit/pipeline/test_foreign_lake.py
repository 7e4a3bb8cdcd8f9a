"""Any lake as Parquet files, whatever they are called; nothing is passed over unsaid."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from pipeline.errors import OperatingError, UserError
from pipeline.sinks.foreign_lake import BucketLake, Files, FolderLake, Lake, files_of

ROWS = [{"id": "a", "n": 1, "extra": "x"}, {"id": "b", "n": 2, "extra": "y"}]
LINES = "\n".join(map(json.dumps, ROWS)).encode()


def parquet(rows: Sequence[dict[str, Any]] = ROWS) -> bytes:
    body = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows)), body)
    return bytes(body.getvalue().to_pybytes())


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


@pytest.fixture
def spill(tmp_path: Path) -> Path:
    folder = tmp_path / "spill"
    folder.mkdir()
    return folder


@pytest.fixture(params=["folder", "bucket"])
def lake_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Make a lake of files by name, in a folder or under a bucket's prefix."""

    def in_folder(files: dict[str, bytes]) -> Lake:
        root = tmp_path / "lake"
        root.mkdir()
        for name, body in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(body)
        return FolderLake(root=root)

    def in_bucket(files: dict[str, bytes]) -> Lake:
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="theirs")
        client.put_object(Bucket="theirs", Key="lakes/x.parquet", Body=parquet())
        client.put_object(Bucket="theirs", Key="lake/", Body=b"")
        for name, body in files.items():
            client.put_object(Bucket="theirs", Key=f"lake/{name}", Body=body)
        return BucketLake(client=client, bucket="theirs", prefix="lake/")

    with mock_aws():
        yield in_folder if request.param == "folder" else in_bucket


def rows(files: Files) -> list[dict[str, Any]]:
    read = [(files.names[str(path)], pq.read_table(path).to_pylist()) for path in files.paths]
    return [{"file": name, **row} for name, found in sorted(read) for row in found]


def values(files: Files) -> list[tuple[str, str]]:
    return [(row["file"], str(row["id"])) for row in rows(files)]


def test_files_are_known_by_what_is_in_them_not_by_their_names(lake_of: Any, spill: Path) -> None:
    lake = lake_of(
        {
            "1.parquet": parquet(),
            "2/dt=2026-01-01/3f2c9d": parquet(),
            "3.json": LINES,
            "4.log.gz": gzip.compress(LINES),
            "5": zstd(LINES),
            "6-joined": LINES.replace(b"\n", b""),
            "7-with-a-mark.json": b"\xef\xbb\xbf" + LINES,
        }
    )
    files = files_of(lake, "the lake", spill=spill, fields=["id"])
    names = ["1.parquet", "2/dt=2026-01-01/3f2c9d", "3.json", "4.log.gz", "5", "6-joined"]
    names.append("7-with-a-mark.json")
    assert values(files) == [(name, event_id) for name in names for event_id in ("a", "b")]
    assert files.bad_lines == 0
    assert files.passed_over == []


def test_what_is_copied_keeps_the_fields_that_are_asked_for_in_the_order_of_its_rows(
    lake_of: Any, spill: Path
) -> None:
    many = [{"id": str(number), "n": number, "extra": "x"} for number in range(40_000)]
    lake = lake_of({"1": parquet(many), "2": "\n".join(map(json.dumps, many)).encode()})
    files = files_of(lake, "the lake", spill=spill, fields=["ID", "id", "n"])
    for path in files.paths:
        if path.is_relative_to(spill):
            table = pq.read_table(path)
            assert set(table.column_names) <= {"ID", "id", "n"}
            assert table["id"].to_pylist() == [row["id"] for row in many]


def test_without_names_every_field_is_kept(lake_of: Any, spill: Path) -> None:
    lake = lake_of({"1": parquet(), "2": LINES + b'\n{"late": true}'})
    found = rows(files_of(lake, "the lake", spill=spill, fields=None))
    assert found[:2] == [{"file": "1", **row} for row in ROWS]
    assert found[2] == {"file": "2", "id": "a", "n": "1", "extra": "x", "late": None}
    assert found[4]["late"] == "true"


def test_what_is_no_data_is_passed_over_and_what_may_be_is_told(lake_of: Any, spill: Path) -> None:
    lake = lake_of(
        {
            "_SUCCESS": b"",
            ".x.parquet.crc": b"crc",
            "_temporary/0.parquet": parquet(),
            "empty.parquet": b"",
            "orders.csv": b"id,n\na,1\n",
            "data.parquet": parquet(),
        }
    )
    files = files_of(lake, "the lake", spill=spill, fields=["id"])
    assert list(files.names.values()) == ["data.parquet"]
    assert files.passed_over == ["orders.csv"]


def test_lines_that_are_no_object_are_counted(lake_of: Any, spill: Path) -> None:
    files = files_of(
        lake_of({"1": LINES + b"\ncut off {\n[1]\n"}), "the lake", spill=spill, fields=["id"]
    )
    assert files.bad_lines == 2
    assert len(rows(files)) == 2


def test_rows_of_a_file_without_the_fields_still_count(lake_of: Any, spill: Path) -> None:
    files = files_of(
        lake_of({"1": parquet([{"x": 1}, {"x": 2}])}), "the lake", spill=spill, fields=["id"]
    )
    assert sum(pq.read_metadata(path).num_rows for path in files.paths) == 2


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        ("metadata/v1.metadata.json", "Apache Iceberg"),
        (".hoodie/hoodie.properties", "Apache Hudi"),
        ("metadata/notes.parquet", None),
    ],
)
def test_a_table_format_is_recognised(
    lake_of: Any, spill: Path, name: str, format_: str | None
) -> None:
    lake = lake_of({"data/1.parquet": parquet(), name: parquet()})
    assert files_of(lake, "the lake", spill=spill, fields=["id"]).format == format_


@pytest.mark.parametrize("files", [{}, {"a.csv": b"id\n1\n"}, {"_SUCCESS": b"x"}])
def test_a_place_without_data_is_told_with_what_is_there(
    lake_of: Any, spill: Path, files: dict[str, bytes]
) -> None:
    with pytest.raises(UserError, match="no Parquet and no JSON lines") as told:
        files_of(lake_of(files), "the lake", spill=spill, fields=["id"])
    assert (next(iter(files), "nothing")) in str(told.value)


@pytest.mark.parametrize(
    "body",
    [
        LINES[:-10] + b'\n{"id": "\xff"}',
        gzip.compress(LINES)[:-9],
        b"\x1f\x8bnothing",
        zstd(LINES)[:-9],
        parquet()[:-9],
    ],
    ids=["utf8", "gzip", "no gzip", "zstd", "parquet"],
)
def test_a_file_that_breaks_off_is_trouble_and_no_shorter_lake(
    lake_of: Any, spill: Path, body: bytes
) -> None:
    with pytest.raises(OperatingError, match=r"cannot read the lake .*part-1: "):
        files_of(lake_of({"part-1": body}), "the lake", spill=spill, fields=["id"])


def test_a_place_that_is_not_there_is_told(tmp_path: Path, spill: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        files_of(FolderLake(root=tmp_path / "none"), "the lake", spill=spill, fields=["id"])

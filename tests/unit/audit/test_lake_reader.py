"""A lake is copied whole or not at all, and its journal says when files became visible."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from pipeline.errors import OperatingError
from pipeline.sinks import lake_reader
from pipeline.sinks.lake_reader import Publication, TableFiles, copy_lake, read_publications

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "lake-bucket"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(client: "S3Client", key: str, body: bytes) -> None:
    client.put_object(Bucket=BUCKET, Key=key, Body=body)


def test_every_table_file_is_copied_and_nothing_else(client: "S3Client", tmp_path: Path) -> None:
    put(client, "lake/actions/dt=2026-01-01/hour=00/s0-1.parquet", b"one")
    put(client, "lake/actions/dt=2026-01-01/hour=01/s0-1.parquet", b"three")
    put(client, "lake/quarantine/dt=2026-01-01/hour=00/s0-1.parquet", b"q")
    put(client, "lake/actions/_SUCCESS", b"")
    put(client, "staging/s0/1-t/0.parquet", b"hidden")
    heard: list[int] = []
    tables = copy_lake(client, BUCKET, tmp_path / "lake", on_file=heard.append)
    assert tables == {
        "actions": TableFiles(files=2, bytes=8),
        "quarantine": TableFiles(files=1, bytes=1),
    }
    found = sorted(path for path in (tmp_path / "lake").rglob("*") if path.is_file())
    assert [path.read_bytes() for path in found] == [b"one", b"three", b"q"]
    assert heard == [1, 2, 3]


def test_more_keys_than_are_read_ahead_all_arrive(
    client: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_reader, "_KEYS_AHEAD", 3)
    for number in range(10):
        put(client, f"lake/actions/s0-{number}.parquet", b"x")
    assert copy_lake(client, BUCKET, tmp_path)["actions"] == TableFiles(files=10, bytes=10)


def test_a_bucket_that_does_not_exist_is_told(client: "S3Client", tmp_path: Path) -> None:
    with pytest.raises(OperatingError, match="cannot read the lake s3://nowhere/lake/"):
        copy_lake(client, "nowhere", tmp_path)


def test_an_object_that_arrives_short_is_no_copy(
    client: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, "lake/actions/s0-1.parquet", b"whole")
    listed = [("lake/actions/s0-1.parquet", 6)]
    monkeypatch.setattr(lake_reader, "list_keys", lambda *_: iter(listed))
    with pytest.raises(OperatingError, match="has 6 bytes, 5 arrived"):
        copy_lake(client, BUCKET, tmp_path)


def test_a_key_that_leads_out_of_the_lake_is_refused(client: "S3Client", tmp_path: Path) -> None:
    put(client, "lake/../../evil.parquet", b"x")
    with pytest.raises(OperatingError, match="leads out of the lake"):
        copy_lake(client, BUCKET, tmp_path / "a/b")
    assert not list(tmp_path.rglob("evil.parquet"))


def test_publications_are_read_from_the_done_marks_alone(client: "S3Client") -> None:
    commit = {"shard": "s0", "first": "12", "published_ms": 1_700_000_000_123}
    put(client, "journal/s0/12-t.done", json.dumps(commit).encode())
    put(client, "journal/s0/12-t.json", b"{}")
    assert read_publications(client, BUCKET) == [
        Publication(shard="s0", first="12", published_ms=1_700_000_000_123)
    ]


def test_a_journal_that_cannot_be_understood_is_told(client: "S3Client") -> None:
    put(client, "journal/s0/12-t.done", b"{}")
    with pytest.raises(OperatingError, match="cannot read the journal"):
        read_publications(client, BUCKET)

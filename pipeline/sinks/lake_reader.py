"""Copies a lake from S3 to local files, and reads its journal: when each file became visible."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import OperatingError
from pipeline.names import JOURNAL_PREFIX, LAKE_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORKERS: Final = 16
"""Requests at once: within the pool of connections of `pipeline.environment.CLIENT_CONFIG`."""
COPY_BYTES: Final = 1024 * 1024
_KEYS_AHEAD: Final = 1_000
TROUBLE: Final = (BotoCoreError, ClientError, OSError)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFiles:
    """How much of a table lies in the lake."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When a commit's files became visible: their names end in `<shard>-<first>.parquet`."""

    shard: str
    first: str
    published_ms: int


def copy_lake(
    client: "S3Client",
    bucket: str,
    to: Path,
    *,
    prefix: str = LAKE_PREFIX,
    on_file: Callable[[int], None] = lambda _files: None,
) -> Mapping[str, TableFiles]:
    """Copy every Parquet file under `prefix` to the same path below `to`; return each table's size.

    Memory stays bounded: bodies go to disk in pieces. Everything is fetched anew each time, so that
    a file changed in place is seen. `on_file` hears how many files are copied.

    Raises:
        OperatingError: the bucket cannot be listed or an object not be read to its end.
    """
    tables: dict[str, TableFiles] = {}
    to.mkdir(parents=True, exist_ok=True)

    def copy(found: tuple[str, int]) -> tuple[str, int]:
        key, size = found
        if ".." in key.split("/"):
            raise OSError(f"{key} leads out of the lake")
        path = to / key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        with path.open("wb") as file:
            shutil.copyfileobj(body, file, COPY_BYTES)
        if path.stat().st_size != size:
            raise OSError(f"{key} has {size} bytes, {path.stat().st_size} arrived")
        return key.removeprefix(prefix).split("/")[0], size

    try:
        keys = (
            found for found in list_keys(client, bucket, prefix) if found[0].endswith(".parquet")
        )
        for number, (table, size) in enumerate(in_parallel(copy, keys), start=1):
            had = tables.get(table, TableFiles())
            tables[table] = TableFiles(files=had.files + 1, bytes=had.bytes + size)
            on_file(number)
    except TROUBLE as error:
        raise OperatingError(f"cannot read the lake s3://{bucket}/{prefix}: {error}") from error
    return dict(sorted(tables.items()))


def read_publications(client: "S3Client", bucket: str) -> list[Publication]:
    """Return when each commit was published, from the journal's `.done` objects.

    Raises:
        OperatingError: the journal cannot be listed, read or understood.
    """

    def read(found: tuple[str, int]) -> Publication:
        body = client.get_object(Bucket=bucket, Key=found[0])["Body"].read()
        commit = json.loads(body)
        return Publication(
            shard=str(commit["shard"]),
            first=str(commit["first"]),
            published_ms=int(commit["published_ms"]),
        )

    done = (
        found for found in list_keys(client, bucket, JOURNAL_PREFIX) if found[0].endswith(".done")
    )
    try:
        return list(in_parallel(read, done))
    except (*TROUBLE, KeyError, TypeError, ValueError) as error:
        raise OperatingError(
            f"cannot read the journal s3://{bucket}/{JOURNAL_PREFIX}: {error}"
        ) from error


def list_keys(client: "S3Client", bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the keys under a prefix with their sizes in bytes."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Contents", ()):
            yield found["Key"], found["Size"]


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield results in the items' order, with a bounded number of items ahead."""
    remaining = iter(items)
    with ThreadPoolExecutor(WORKERS) as pool:
        while chunk := list(islice(remaining, _KEYS_AHEAD)):
            yield from pool.map(work, chunk)

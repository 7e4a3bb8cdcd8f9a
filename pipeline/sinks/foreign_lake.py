"""Any lake as local Parquet files: a folder or a bucket's prefix, Parquet or JSON lines."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import OperatingError, UserError
from pipeline.sinks.lake_files import Made, as_parquet, described, kind_of
from pipeline.sinks.lake_reader import COPY_BYTES, TROUBLE, in_parallel, list_keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FORMATS: Final = {
    "_delta_log": "Delta Lake",
    "metadata": "Apache Iceberg",
    ".hoodie": "Apache Hudi",
}
"""Folders that tell a table format whose files hold rows that the table has given up."""

NOTHING: Final = Made(bad_lines=0, names=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file of a lake: its name below the root, with `/`, and its bytes."""

    name: str
    size: int


class Lake(Protocol):
    """Where a lake's files are."""

    def list(self) -> Iterator[Found]:
        """Yield every file. Raises UserError if there is no such place, OperatingError."""

    def bring(self, name: str, to: Path) -> Path:
        """Return a local file with the bytes of a lake's file, `to` if it was copied."""


@dataclass(frozen=True, kw_only=True)
class FolderLake:
    """A lake in a local folder; its Parquet files are read where they are."""

    root: Path

    def list(self) -> Iterator[Found]:
        """Yield every file. Raises UserError if there is no such folder."""
        if not self.root.is_dir():
            raise UserError(f"there is no folder {self.root}; name the lake by --lake, or s3://...")
        for folder, _, names in os.walk(self.root, onerror=_raise):
            for name in names:
                path = Path(folder, name)
                yield Found(name=path.relative_to(self.root).as_posix(), size=path.stat().st_size)

    def bring(self, name: str, to: Path) -> Path:
        """Return the file itself."""
        del to
        return self.root / name


@dataclass(frozen=True, kw_only=True)
class BucketLake:
    """A lake under a prefix of a bucket."""

    client: "S3Client"
    bucket: str
    prefix: str

    def list(self) -> Iterator[Found]:
        """Yield every file. Raises UserError if there is no such bucket, OperatingError."""
        try:
            for key, size in list_keys(self.client, self.bucket, self.prefix):
                if size or not key.endswith("/"):
                    yield Found(name=key.removeprefix(self.prefix), size=size)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                raise UserError(
                    f"there is no bucket {self.bucket}; name the lake as s3://bucket/prefix, and "
                    "another AWS than the public one by --endpoint"
                ) from None
            raise OperatingError(f"cannot list s3://{self.bucket}: {error}") from error
        except BotoCoreError as error:
            raise OperatingError(f"cannot list s3://{self.bucket}: {error}") from error

    def bring(self, name: str, to: Path) -> Path:
        """Copy an object in pieces. Raises OSError and botocore's errors."""
        body = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"]
        with to.open("wb") as file:
            shutil.copyfileobj(body, file, COPY_BYTES)
        return to


@dataclass(slots=True, kw_only=True)
class Files:
    """A lake's local Parquet files, and what was not read of it.

    `names` gives a local file's name in the lake, `fields` are those that copied files have,
    `bad_lines` counts lines that are no JSON object, `passed_over` are files of other kinds, and
    `format` is a table format that was found.
    """

    paths: list[Path] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    bad_lines: int = 0
    passed_over: list[str] = field(default_factory=list)
    format: str | None = None


def files_of(
    lake: Lake,
    where: str,
    *,
    spill: Path,
    fields: Sequence[str] | None,
    on_file: Callable[[int], None] = lambda _files: None,
) -> Files:
    """List a lake, then make every file of it local Parquet under `spill`, where it is not yet.

    Only `fields` are kept of what is copied, all of them if None. `where` names the lake in errors.

    Raises:
        UserError: there is no such place, or no file of a kind that can be read.
        OperatingError: it cannot be listed, or a file of it not be read.
    """
    listed = sorted(lake.list(), key=lambda found: found.name)
    files = Files(format=_format_of(listed))
    wanted = [found for found in listed if found.size and not _is_hidden(found.name)]
    try:
        made = in_parallel(partial(_local, lake, spill, fields), enumerate(wanted))
        for number, (name, local, copied) in enumerate(made, start=1):
            on_file(number)
            if local is None:
                files.passed_over.append(name)
                continue
            files.paths.append(local)
            files.names[str(local)] = name
            files.bad_lines += copied.bad_lines
            files.fields |= copied.names
    except TROUBLE as error:
        raise OperatingError(f"cannot read the lake {where}: {error}") from error
    if not files.paths:
        there = ", ".join(found.name for found in listed[:3]) or "nothing"
        raise UserError(
            f"{where} holds no Parquet and no JSON lines (there is: {there}); name by --lake the "
            "folder or prefix that your consumer writes to"
        )
    return files


def _local(
    lake: Lake, spill: Path, fields: Sequence[str] | None, numbered: tuple[int, Found]
) -> tuple[str, Path | None, Made]:
    """Return a file's name, its local Parquet file (None for another kind), and what was made."""
    number, found = numbered
    copy, slim = spill / f"{number:08d}.copy", spill / f"{number:08d}.parquet"
    path = lake.bring(found.name, copy)
    try:
        _refuse_changed(path, found)
        kind = kind_of(path)
        if kind is None:
            return found.name, None, NOTHING
        if kind == "parquet" and path != copy:
            return found.name, path, described(path)
        return found.name, slim, as_parquet(path, kind, to=slim, fields=fields)
    except OSError as error:
        raise OSError(f"{found.name}: {error}") from error
    finally:
        if path == copy:
            copy.unlink()


def _refuse_changed(path: Path, found: Found) -> None:
    size = path.stat().st_size
    if size != found.size:
        raise OSError(f"it had {found.size} bytes, now it has {size}")


def _is_hidden(name: str) -> bool:
    """Return whether readers of a lake pass a file over: `_SUCCESS`, `.crc`, folders of a log."""
    return any(part[0] in "._" for part in PurePosixPath(name).parts)


def _format_of(listed: Sequence[Found]) -> str | None:
    """Return the table format that a lake's folders tell, if any."""
    for found in listed:
        for part in PurePosixPath(found.name).parts[:-1]:
            if part in FORMATS and (part != "metadata" or found.name.endswith(".metadata.json")):
                return FORMATS[part]
    return None


def _raise(error: OSError) -> None:
    raise OperatingError(f"cannot list {error.filename}: {error.strerror}") from error

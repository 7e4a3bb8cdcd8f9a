"""Files of any lake by what is in them: which kind one is, and its rows as slim Parquet."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit.lake_columns import FILLER
from pipeline.audit.stream_history import field_of, json_values, text_of

Kind = Literal["parquet", "json"]

HEAD_BYTES: Final = 4_096
ROWS_AT_ONCE: Final = 16_384
NAMED_ROWS: Final = 100
"""Rows of a chunk whose fields are told to a person who named one that is not there."""

COLUMNS_MAX: Final = 2_000
"""Columns of JSON lines whose values are all to be kept: more are no table."""


def kind_of(path: Path) -> Kind | None:
    """Return what a file holds by its first bytes, whatever its name: a consumer may give none.

    Raises OSError for a compressed file that is broken: it may be data.
    """
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    try:
        with opened(path) as lines:
            head = lines.read(HEAD_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    except EOFError as error:
        raise OSError(f"it breaks off: {error}") from error
    return "json" if head.startswith(b"{") else None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed if it is gzip or zstd."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"\x28\xb5\x2f\xfd":
        with pa.input_stream(str(path), compression="zstd") as stream:
            yield stream
    elif magic[:2] == b"\x1f\x8b":
        with gzip.open(path) as unpacked:
            yield cast("IO[bytes]", unpacked)
    else:
        with path.open("rb") as plain:
            yield plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written: lines left out as no JSON object, and fields that the file has (some)."""

    bad_lines: int
    names: frozenset[str]


def described(path: Path) -> Made:
    """Return what a Parquet file is that is read where it lies. Raises OSError if it is broken."""
    try:
        return Made(bad_lines=0, names=frozenset(pq.read_schema(path).names))
    except pa.ArrowException as error:
        raise OSError(f"it is broken: {error}") from error


def as_parquet(path: Path, kind: Kind, *, to: Path, fields: Sequence[str] | None) -> Made:
    """Write a file's rows to `to`, in their order, with the fields that are asked for, else all.

    JSON values become text, as `pipeline.audit.stream_history.text_of` writes them.

    Raises:
        OSError: the file is broken.
    """
    try:
        if kind == "parquet":
            return _slim(path, to, fields)
        return _from_json(path, to, fields if fields is not None else _names(path))
    except (pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        raise OSError(f"it is broken: {error}") from error


def _slim(path: Path, to: Path, fields: Sequence[str] | None) -> Made:
    with pq.ParquetFile(path) as source:
        names = source.schema_arrow.names
        tops = {name.split(".")[0].lower() for name in fields or ()}
        tops |= {name.lower() for name in fields or ()}
        kept = [name for name in names if fields is None or name.lower() in tops]
        made = Made(bad_lines=0, names=frozenset(names))
        if not kept:
            pq.write_table(pa.table({FILLER: pa.nulls(source.metadata.num_rows, pa.bool_())}), to)
            return made
        schema = pa.schema([source.schema_arrow.field(name) for name in kept])
        with pq.ParquetWriter(to, schema, compression="zstd") as writer:
            for batch in source.iter_batches(batch_size=ROWS_AT_ONCE, columns=kept):
                writer.write_batch(batch.select(kept))
        return made


def _from_json(path: Path, to: Path, fields: Sequence[str]) -> Made:
    schema = pa.schema([(name, pa.string()) for name in fields])
    bad = 0
    names: set[str] = set()
    with opened(path) as lines, pq.ParquetWriter(to, schema, compression="zstd") as writer:
        values = _values(lines)
        while chunk := list(islice(values, ROWS_AT_ONCE)):
            rows = [value for value in chunk if isinstance(value, dict)]
            bad += len(chunk) - len(rows)
            names.update(*rows[:NAMED_ROWS])
            columns = [
                pa.array([text_of(field_of(row, name)) for row in rows], pa.string())
                for name in fields
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return Made(bad_lines=bad, names=frozenset(names))


def _names(path: Path) -> list[str]:
    """Return every field that occurs in a file of JSON lines."""
    names: dict[str, None] = {}
    with opened(path) as lines:
        for value in _values(lines):
            if isinstance(value, dict):
                names.update(dict.fromkeys(value))
            if len(names) > COLUMNS_MAX:
                raise OSError(f"over {COLUMNS_MAX} different fields: name those to compare")
    return sorted(names)


def _values(lines: IO[bytes]) -> Iterator[object]:
    for line in _split(lines):
        for _, value in json_values(line.decode("utf-8-sig")):
            yield value


def _split(lines: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; Arrow's streams have none of their own."""
    rest = b""
    while part := lines.read(1024 * 1024):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
    yield rest

"""Writes a stream's events as Parquet, a file a shard: memory holds but some of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit.stream_history import StreamEvent, Unreadable, events_of, field_of, text_of
from pipeline.core.records import Record, ShardId

ROWS_AT_ONCE: Final = 32_768
NAMES_MAX: Final = 100
"""Field names that are kept to tell a person what there is."""
PLACES_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of an event is kept: its id, and the texts of fields under the names of columns."""

    id_field: str
    fields: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was read so far: counts, field names, which wanted fields occurred, unreadable places.

    `without_id` are events that are readable and lack the id; they count as unreadable too.
    """

    records: int = 0
    events: int = 0
    unreadable: int = 0
    without_id: int = 0
    names: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    places: list[str] = field(default_factory=list)

    def merge(self, other: "Seen") -> None:
        """Add what was read of another shard."""
        self.records += other.records
        self.events += other.events
        self.unreadable += other.unreadable
        self.without_id += other.without_id
        self.names |= other.names
        self.found |= other.found
        self.places = [*self.places, *other.places][:PLACES_MAX]


def text_column(name: str) -> str:
    """Return the column that holds a field's text, apart from an event's own columns."""
    return f"field {name}"


def schema_for(wanted: Wanted) -> pa.Schema:
    """Return the columns of a file: an event's place, its id, its content and the wanted texts."""
    columns: list[Any] = [
        ("id", pa.string()),
        ("shard", pa.string()),
        ("position", pa.string()),
        ("index", pa.int32()),
        ("key", pa.string()),
        ("arrival_ms", pa.int64()),
        ("content", pa.uint64()),
        *((text_column(name), pa.string()) for name in wanted.fields),
    ]
    return pa.schema(columns)


class StreamRows:
    """One shard's file, open for writing; a context manager that closes it."""

    def __init__(self, path: Path, shard: ShardId, wanted: Wanted) -> None:
        self.seen = Seen()
        self._shard = shard
        self._wanted = wanted
        self._schema = schema_for(wanted)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._columns: list[list[Any]] = [[] for _ in self._schema.names]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, record: Record) -> None:
        """Take a record's events in; what cannot be read or has no id is counted with its place."""
        self.seen.records += 1
        for event in events_of(record):
            self.seen.events += 1
            if isinstance(event, Unreadable):
                self._refuse(event.position, event.index, event.reason)
                continue
            self._note_names(event)
            event_id = text_of(field_of(event.fields, self._wanted.id_field))
            if not event_id or not _is_text(event_id):
                self.seen.without_id += 1
                self._refuse(event.position, event.index, f"no {self._wanted.id_field}")
                continue
            self._keep(event, event_id)
        if len(self._columns[0]) >= ROWS_AT_ONCE:
            self._flush()

    def _keep(self, event: StreamEvent, event_id: str) -> None:
        texts = [self._text(event, name) for name in self._wanted.fields]
        row = (
            event_id,
            self._shard,
            str(event.position),
            event.index,
            event.key,
            event.arrival_ms,
            event.content,
            *texts,
        )
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def _text(self, event: StreamEvent, name: str) -> str | None:
        text = text_of(field_of(event.fields, name))
        if text is not None:
            self.seen.found.add(name)
        return text if text is None or _is_text(text) else ascii(text)

    def _note_names(self, event: StreamEvent) -> None:
        if len(self.seen.names) < NAMES_MAX:
            self.seen.names.update(event.fields)

    def _refuse(self, position: int, index: int, reason: str) -> None:
        self.seen.unreadable += 1
        if len(self.seen.places) < PLACES_MAX:
            self.seen.places.append(f"{self._shard} {position} event {index}: {reason}")

    def _flush(self) -> None:
        arrays = [
            pa.array(column, type=kind)
            for column, kind in zip(self._columns, self._schema.types, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        for column in self._columns:
            column.clear()


def _is_text(text: str) -> bool:
    """Return whether it can be UTF-8: a lone surrogate of a JSON escape cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)

"""A stream as its own history: the events of a record, and what of it nobody could read; pure.

Takes what producers make anywhere: plain records, KPL aggregates, zstd or gzip, JSON Lines or JSON
objects one behind the other. Avro and Protobuf are not read: they come back as `Unreadable`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.aggregate import NotDeaggregable, deaggregate
from pipeline.core.batch import Limits
from pipeline.core.payload import NotReadable, decompress
from pipeline.core.reasons import ReasonCode, shortened
from pipeline.core.records import Position, Record

PAYLOAD_BYTES_MAX: Final = Limits().decoded_bytes_max
"""What one user record may decompress to, as in the core: a bomb costs no more."""

_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One event as the stream holds it: the `index`th of the record at `position`.

    `content` is a 64-bit digest of its text: two copies of one send have the same.
    """

    position: Position
    index: int
    key: str
    arrival_ms: int
    fields: Mapping[str, object]
    content: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record, or one event of it, that cannot be read; `reason` says why in a few words."""

    position: Position
    index: int
    arrival_ms: int
    reason: str


def events_of(record: Record) -> Iterator[StreamEvent | Unreadable]:
    """Yield every event of a record in order; what cannot be read is one `Unreadable`, never less.

    An aggregate that cannot be split counts as one.
    """
    try:
        user_records = deaggregate(record.data, record.partition_key)
    except NotDeaggregable as error:
        yield _unreadable(record, 0, error.reason.code)
        return
    index = 0
    for user_record in user_records:
        try:
            text = decompress(user_record.payload, bytes_max=PAYLOAD_BYTES_MAX).decode()
        except NotReadable as error:
            yield _unreadable(record, index, error.reason.code)
            index += 1
            continue
        except UnicodeDecodeError:
            yield _unreadable(record, index, ReasonCode.NOT_UTF8)
            index += 1
            continue
        values = 0
        for source, value in json_values(text):
            values += 1
            if isinstance(value, dict):
                yield StreamEvent(
                    position=record.position,
                    index=index,
                    key=user_record.partition_key,
                    arrival_ms=record.arrival_ms,
                    fields=value,
                    content=digest(source),
                )
            else:
                why = value if isinstance(value, ReasonCode) else ReasonCode.NOT_AN_OBJECT
                yield _unreadable(record, index, f"{why}: {shortened(source, 60)}")
            index += 1
        if not values:
            yield _unreadable(record, index, ReasonCode.EMPTY)
            index += 1


def json_values(text: str) -> Iterator[tuple[str, object]]:
    """Yield each JSON value of a text with its source; `NOT_JSON` for a line that holds none.

    Values may stand a line each, over several lines, or one right behind the other, as a delivery
    stream without a delimiter joins them.
    """
    at, end = 0, len(text)
    while (at := _skip(text, at)) < end:
        try:
            value, stop = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            stop = _line_end(text, at)
            value = ReasonCode.NOT_JSON
        yield text[at:stop], value
        at = stop


def text_of(value: object) -> str | None:
    """Return a JSON value as the text that stands for it in checksums and ids; None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def field_of(fields: Mapping[str, object], name: str) -> object:
    """Return a field's value, None when it is absent; `a.b` is the field `b` of the object `a`."""
    if name in fields:
        return fields[name]
    outer, dot, inner = name.partition(".")
    nested = fields.get(outer) if dot else None
    return field_of(nested, inner) if isinstance(nested, dict) else None


def digest(text: str) -> int:
    """Return 64 bits that stand for a text: the first eight bytes of its MD5, little-endian."""
    encoded = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.md5(encoded, usedforsecurity=False).digest()[:8], "little")


def _unreadable(record: Record, index: int, reason: str) -> Unreadable:
    return Unreadable(
        position=record.position, index=index, arrival_ms=record.arrival_ms, reason=reason
    )


def _skip(text: str, at: int) -> int:
    """Return where the next value starts."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    """Return where the line that holds `at` ends."""
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop

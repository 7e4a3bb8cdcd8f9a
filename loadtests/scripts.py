"""Scripts: what a producer sends, rendered a tick at a time to the bytes of real events.

The part of an event that never changes is rendered once; id, sequence, time and checksum are made
for each event, because the verifier holds each of them against the lake.
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadtests import flights
from loadtests.plan import SourceKind, SourcePlan
from pipeline.core.contract import Contract
from pipeline.domain.contracts import ACTIONS, DEPARTURES, PLANE_CHANGES

_NULL: Final = "\x00"
_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Events in the order of their sequence, as columns of one length."""

    ids: list[str]
    keys: list[str]
    bodies: list[bytes]
    checksums: npt.NDArray[np.uint64]


class Script(Protocol):
    """Renders the events of one producer; `times_ms` are their event times."""

    contract: Contract

    def render(self, first: int, times_ms: Sequence[int]) -> Rendered:
        """Return the events whose sequences start at `first`, one for each time."""
        ...


def event_id(run: str, producer: str, sequence: int) -> str:
    """Return an id of fixed width; the sequence grows over the loops of a replay, so ids do too."""
    return f"{run}-{producer}-{sequence:012d}"


def checksums(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return the checksum of each event's text, as `pipeline.audit.checksum` defines it."""
    md5 = hashlib.md5
    digests = [md5(text.encode(), usedforsecurity=False).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8")[::2]


class DeparturesScript:
    """Departures of some aircraft in the order they were scheduled, again and again."""

    contract = DEPARTURES

    def __init__(self, run: str, source: SourcePlan) -> None:
        rows = flights.departures()
        mine = [
            aircraft
            for aircraft in rows["aircraft"].unique().to_pylist()
            if zlib.crc32(str(aircraft).encode()) % source.slices == source.slice
        ]
        rows = rows.filter(pc.is_in(rows["aircraft"], pa.array(mine))).slice(0, source.events)
        self._run, self._producer = run, source.producer
        self._keys = _strings(rows["aircraft"])
        self._bodies = _strings(_json_tails(rows))
        self._texts = _strings(_text_tails(rows))

    def render(self, first: int, times_ms: Sequence[int]) -> Rendered:
        """Return the next departures, re-timed to `times_ms`."""
        run, producer, rows = self._run, self._producer, len(self._keys)
        ids, keys, bodies, texts = [], [], [], []
        head = f'{{"type":"departures","id":"%s","producer":"{producer}","sequence":'
        for sequence, time_ms in enumerate(times_ms, first):
            row = sequence % rows
            name = f"{run}-{producer}-{sequence:012d}"
            ids.append(name)
            keys.append(self._keys[row])
            body = f'{sequence},"event_time":{time_ms}{self._bodies[row]}'
            bodies.append((head % name + body).encode())
            texts.append(f"{name}\x1f{producer}\x1f{sequence}\x1f{time_ms}{self._texts[row]}")
        return Rendered(ids=ids, keys=keys, bodies=bodies, checksums=checksums(texts))


class PlanesScript:
    """The planes table as a change stream: a snapshot of every plane, then updates."""

    contract = PLANE_CHANGES

    def __init__(self, run: str, source: SourcePlan) -> None:
        self._run, self._producer = run, source.producer
        self._rows = flights.planes().to_pylist()

    def render(self, first: int, times_ms: Sequence[int]) -> Rendered:
        """Return the next changes; the transaction is the log's sequence number."""
        events = [
            {
                "type": "plane_changes",
                "id": event_id(self._run, self._producer, sequence),
                "producer": self._producer,
                "sequence": sequence,
                "event_time": time_ms,
                "operation": "create" if sequence < len(self._rows) else "update",
                "transaction": sequence,
                **self._rows[sequence % len(self._rows)],
            }
            for sequence, time_ms in enumerate(times_ms, first)
        ]
        return render_events(events, self.contract)


def render_events(events: Sequence[dict[str, Any]], contract: Contract) -> Rendered:
    """Render events that are at hand as values, absent fields left out."""
    names = contract.checksum_fields
    return Rendered(
        ids=[event[contract.id_field] for event in events],
        keys=[event[contract.key_field] for event in events],
        bodies=[
            json.dumps(
                {name: value for name, value in event.items() if value is not None},
                separators=(",", ":"),
            ).encode()
            for event in events
        ],
        checksums=checksums(
            [_SEPARATOR.join(map(_text, map(event.get, names))) for event in events]
        ),
    )


def contract_of(kind: SourceKind) -> Contract:
    """Return the contract of a source's events."""
    return {"departures": DEPARTURES, "planes": PLANE_CHANGES, "actions": ACTIONS}[kind]


def script_of(run: str, source: SourcePlan) -> Script:
    """Return the script of a replayed source."""
    return (DeparturesScript if source.kind == "departures" else PlanesScript)(run, source)


def _text(value: object) -> str:
    return _NULL if value is None else str(value)


def _strings(column: Any) -> list[str]:
    strings: list[str] = column.to_pylist()
    return strings


def _text_tails(rows: pa.Table) -> "pa.ChunkedArray[Any]":
    """Return what follows the event time in each row's checksum text."""
    texts = [pc.cast(column, pa.string()).fill_null(pa.scalar(_NULL)) for column in rows.columns]
    return _joined([pa.scalar(""), *texts], _SEPARATOR)


def _json_tails(rows: pa.Table) -> "pa.ChunkedArray[Any]":
    """Return what follows the event time in each row's JSON; no value here needs an escape."""
    members = []
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        quote = '"' if pa.types.is_string(column.type) else ""
        parts = [pa.scalar(f',"{name}":{quote}'), pc.cast(column, pa.string()), pa.scalar(quote)]
        members.append(_joined(parts, "").fill_null(pa.scalar("")))
    return _joined([*members, pa.scalar("}")], "")


def _joined(parts: Sequence[Any], separator: str) -> "pa.ChunkedArray[Any]":
    joined: pa.ChunkedArray[Any] = pc.binary_join_element_wise(*parts, separator)
    return joined

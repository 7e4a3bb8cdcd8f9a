"""The fast path reads canonical lines exactly as Arrow's reader would, and leaves it all others."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core import decode as decode_module
from pipeline.core.catalog import Catalog
from pipeline.core.contract import Contract, Field
from pipeline.core.decode import decode
from pipeline.core.intake import Payload
from pipeline.core.lines import Lines
from pipeline.core.records import Position, Record
from pipeline.core.scan import scan

NOW = 1_795_000_000_000

TICKS = Contract(
    table="ticks",
    version=1,
    fields=(
        Field(name="type", type="string", one_of=("ticks",)),
        Field(name="id", type="string", max_bytes=100),
        Field(name="k", type="string", max_bytes=12),
        Field(name="sequence", type="int64", minimum=0),
        Field(name="time", type="timestamp_ms"),
        Field(name="a_rather_long_name_of_a_number", type="int64", required=False),
        Field(name="note", type="string", required=False, max_bytes=60),
        Field(name="up", type="bool"),
        Field(name="maybe", type="bool", required=False),
        Field(name="last", type="int64", required=False, minimum=0),
    ),
    id_field="id",
    key_field="k",
    sequence_field="sequence",
    event_time_field="time",
    checksum_fields=("id",),
    past_ms_max=10,
    future_ms_max=10,
)
CATALOG = Catalog(contracts=(TICKS,))

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"\\'))
SHORT = st.text("abcé", max_size=8)
INTEGER = st.integers(-(10**16) + 1, 10**16 - 1)
OPTIONAL = st.fixed_dictionaries(
    {},
    optional={
        "a_rather_long_name_of_a_number": st.none() | INTEGER | st.integers(-9, 9),
        "note": st.none() | SHORT | PLAIN.filter(lambda text: len(text.encode()) <= 60),
        "maybe": st.none() | st.booleans(),
        "last": st.none() | st.integers(0, 10**16 - 1),
    },
)


def tick(optional: dict, **required: object) -> dict:
    """Return an event with its fields in the contract's order."""
    event = {"type": "ticks", "id": "x", "k": "k", "sequence": 1, "time": NOW, "up": True}
    event |= optional | required
    return {each.name: event[each.name] for each in TICKS.fields if each.name in event}


TICK = st.builds(
    tick,
    OPTIONAL,
    id=SHORT | PLAIN.filter(lambda text: len(text.encode()) <= 100),
    k=st.text("abcdefghijkl", max_size=12),
    sequence=st.integers(0, 10**15 - 1),
    time=st.integers(NOW - 10, NOW + 10),
    up=st.booleans(),
)


def compact(event: dict) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def spaced(event: dict) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def lines_of(lines: list[bytes]) -> Lines:
    body = b"".join(line + b"\n" for line in lines)
    payload = Payload(record=0, index=0, partition_key="k", body=body, lines=len(lines))
    record = Record(position=Position(1), partition_key="k", arrival_ms=NOW, data=b"")
    return Lines.of([payload], [record])


def every_ordinal(lines: Lines) -> np.ndarray:
    return np.arange(len(lines))


def without_nulls(row: dict) -> dict:
    return {name: value for name, value in row.items() if value is not None}


@given(st.lists(TICK, min_size=1, max_size=30), st.sampled_from([compact, spaced]))
@settings(deadline=None)
def test_every_canonical_event_is_read_as_what_it_says(events, style):
    lines = lines_of([style(event) for event in events])
    scanned = scan(lines, TICKS, every_ordinal(lines))
    assert scanned is not None
    assert scanned.line.tolist() == list(range(len(events)))
    read = [without_nulls(row) for row in scanned.rows.to_pylist()]
    assert read == [without_nulls(event) for event in events]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a canonical line with a few bytes replaced, removed or put in."""
    line = bytearray(compact(draw(TICK)))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(line)))
        new = draw(
            st.sampled_from(
                [
                    b"",
                    b"}",
                    b"{",
                    b'"',
                    b",",
                    b" ",
                    b"\x00",
                    b"\\",
                    b"0",
                    b"-",
                    b".",
                    b"e",
                    b"1" * 9,
                ]
            )
        )
        line[place : place + draw(st.integers(0, 2))] = new
    return bytes(line)


def value(name: bytes, raw: bytes) -> bytes:
    """Return a canonical line in which the value of a field is written as `raw`."""
    event = tick({"a_rather_long_name_of_a_number": 4242, "last": 4343}, sequence=4141)
    old = {b"sequence": b"4141", b"a_rather_long_name_of_a_number": b"4242", b"last": b"4343"}
    return compact(event).replace(old[name], raw)


LAST = b"last"


@given(st.lists(st.one_of(TICK.map(compact), TICK.map(spaced), damaged()), max_size=20))
@example([value(LAST, b"007")])
@example([value(LAST, b"-")])
@example([value(LAST, b"-0")])
@example([value(LAST, b"-01")])
@example([value(LAST, b"1.5")])
@example([value(LAST, b"1e5")])
@example([value(LAST, b"")])
@example([value(LAST, b"1234567890123456")])
@example([value(LAST, b"12345678901234567")])
@example([value(LAST, b"123456789012345678")])
@example([compact(tick({})), compact(tick({"note": "abc"})).replace(b':"abc"', b':1abc"')])
@example([compact(tick({})), compact(tick({}, id="a\nb"))])
@example([compact(tick({})), json.dumps(tick({}, id="é"), separators=(",", ":")).encode()])
@example([value(LAST, b"9223372036854775808")])
@example([value(b"a_rather_long_name_of_a_number", b"-9223372036854775808")])
@example([value(b"sequence", b"true")])
@example([value(b"sequence", b"null")])
@example([compact(tick({})), compact(tick({}))[:-1] + b" }"])
@example([compact(tick({})), compact(tick({})) + compact(tick({}))])
@example([compact(tick({})), compact(tick({}, id='q"q'))])
@example([compact(tick({})), compact(tick({}, id="x" * 99)), compact(tick({}, id="x" * 2_000))])
@settings(max_examples=300, deadline=None)
def test_with_and_without_the_fast_path_the_same_comes_out(lines):
    given_lines = lines_of(lines)
    fast = decode(given_lines, CATALOG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_module, "scan", lambda *_: None)
        slow = decode(given_lines, CATALOG)
    assert [events.line.tolist() for events in fast.events] == [
        events.line.tolist() for events in slow.events
    ]
    assert [events.rows.to_pylist() for events in fast.events] == [
        events.rows.to_pylist() for events in slow.events
    ]
    assert sorted((each.line, each.reason.code) for each in fast.rejected) == sorted(
        (each.line, each.reason.code) for each in slow.rejected
    )


def test_short_strings_that_repeat_are_dictionaries_and_the_id_never_is():
    lines = lines_of([compact(tick({"note": "n"}, id="same")) for _ in range(10)])
    scanned = scan(lines, TICKS, every_ordinal(lines))
    assert scanned is not None
    types = {name: scanned.rows.schema.field(name).type for name in ("type", "id", "k", "note")}
    assert [name for name, each in types.items() if pa.types.is_dictionary(each)] == [
        "type",
        "k",
        "note",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        (*TICKS.fields, Field(name="ratio", type="float64", required=False)),
        (*TICKS.fields, Field(name="n" * 300, type="int64", required=False)),
        (*TICKS.fields[1:], TICKS.fields[0]),
    ],
)
def test_a_contract_without_a_canonical_form_is_left_to_arrow(fields):
    contract = replace(TICKS, fields=fields)
    lines = lines_of([compact(tick({}))])
    assert scan(lines, contract, every_ordinal(lines)) is None

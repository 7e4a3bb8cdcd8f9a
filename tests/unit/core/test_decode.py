"""The bulk path and the per-line path take the same lines, and rows never shift."""

import json

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core import decode as decode_module
from pipeline.core.catalog import Catalog
from pipeline.core.contract import Contract, Field
from pipeline.core.decode import decode
from pipeline.core.diagnose import diagnose
from pipeline.core.intake import Payload
from pipeline.core.lines import Lines
from pipeline.core.reasons import ReasonCode
from pipeline.core.records import Position, Record

NOW = 1_795_000_000_000

THINGS = Contract(
    table="things",
    version=3,
    fields=(
        Field(name="type", type="string", one_of=("things",)),
        Field(name="id", type="string", max_bytes=8),
        Field(name="key", type="string", max_bytes=8),
        Field(name="sequence", type="int64", minimum=0, maximum=9.5),
        Field(name="time", type="timestamp_ms"),
        Field(name="seen", type="timestamp_ms", required=False),
        Field(name="ratio", type="float64", required=False, minimum=-1, maximum=1e300),
        Field(name="wide", type="float64", required=False),
        Field(name="count", type="int64", required=False),
        Field(name="flag", type="bool", required=False),
        Field(name="kind", type="string", required=False, one_of=("a", "b", "é")),
        Field(name="text", type="string", required=False, max_bytes=2**21),
    ),
    id_field="id",
    key_field="key",
    sequence_field="sequence",
    event_time_field="time",
    checksum_fields=("id",),
    past_ms_max=1_000,
    future_ms_max=10,
)
CATALOG = Catalog(contracts=(THINGS,))


def lines_of(*lines: bytes) -> Lines:
    body = b"".join(line + b"\n" for line in lines)
    payload = Payload(record=0, index=0, partition_key="k", body=body, lines=len(lines))
    record = Record(position=Position(1), partition_key="k", arrival_ms=NOW, data=b"")
    return Lines.of([payload], [record])


def thing(**changes: object) -> dict[str, object]:
    event = {"type": "things", "id": "x", "key": "k", "sequence": 1, "time": NOW} | changes
    return {name: value for name, value in event.items() if value is not ...}


def text_of(event: dict[str, object]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.integers(-3, 12),
    st.sampled_from([NOW, NOW - 1_000, NOW - 1_001, NOW + 10, NOW + 11, 2**63, -(2**63) - 1]),
    st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: not 0 < abs(x) < 1e-300),
    st.text(max_size=9),
    st.text(st.characters(categories=["Cs", "Ll", "Cc"]), max_size=3),
    st.sampled_from(["things", "a", "b", "é", "c", "éééé", "ééééé", [], {}, [1], {"a": 1}, ...]),
)
EVENTS = st.builds(
    lambda changes, extra: thing(**changes, **extra),
    st.dictionaries(st.sampled_from([each.name for each in THINGS.fields]), SCALARS, max_size=4),
    st.sampled_from([{}] * 9 + [{"extra": 1}]),
)
VALID = st.builds(
    thing,
    sequence=st.integers(0, 9),
    ratio=st.one_of(st.none(), st.floats(-1, 1)),
    kind=st.sampled_from([..., None, "a", "é"]),
    flag=st.sampled_from([..., None, True]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return an event's line with a few bytes replaced, removed or put in."""
    line = bytearray(text_of(draw(VALID | EVENTS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(line)))
        new = draw(st.sampled_from([b"", b"}", b"{", b'"', b",", b" ", b"\x00", b"\\", b"\xff"]))
        line[place : place + draw(st.integers(0, 2))] = new
    return bytes(line).replace(b"\n", b" ").rstrip(b"\r")


def taken_in_bulk(line: bytes) -> bool:
    """Return whether the bulk path alone keeps the line: no per-line reason can have a say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_module, "diagnose", lambda *_, **__: None)
        return bool(decode(lines_of(line), CATALOG).events)


@given(st.one_of(EVENTS.map(text_of), VALID.map(text_of), damaged()))
@example(text_of(thing()))
@example(b'{"type":"things","id":"x","key":"k","sequence":1,"time":%d}{}' % NOW)
@example(text_of(thing()) + b" ")
@example(b" " + text_of(thing()))
@example(text_of(thing(text="x" * 2**20)))
@example(text_of(thing(text="x" * (2**20 - 200))))
@example(text_of(thing(ratio=float("nan"))))
@example(text_of(thing(wide=float("-inf"))))
@example(text_of(thing()).replace(b'"id"', b'"\\u0069d"'))
@example(text_of(thing()).replace(b'"x"', b'"\\ud83d\\ude00"'))
@example(text_of(thing()).replace(b'"x"', b'"\\ude00"'))
@example(text_of(thing(wide=...))[:-1] + b',"wide":1' + b"0" * 400 + b"}")
@example(text_of(thing(wide=...))[:-1] + b',"wide":1e400}')
@example(text_of(thing(count=...))[:-1] + b',"count":-0}')
@settings(max_examples=500, deadline=None)
def test_a_line_is_taken_in_bulk_exactly_if_nothing_is_wrong_with_it(line):
    assert taken_in_bulk(line) == (diagnose(line, THINGS, arrival_ms=NOW) is None)


@given(st.lists(st.one_of(VALID.map(text_of), damaged()), max_size=90), st.data())
@settings(max_examples=100, deadline=None)
def test_every_line_ends_as_its_own_row_or_its_own_rejection(lines, data):
    lines = [line.replace(b'"x"', b'"%d"' % n, 1) for n, line in enumerate(lines)]
    decoded = decode(lines_of(*lines), CATALOG)
    kept = [ordinal for events in decoded.events for ordinal in events.line.tolist()]
    rejected = [each.line for each in decoded.rejected]
    assert sorted(kept + rejected) == list(range(len(lines)))
    for events in decoded.events:
        assert events.line.tolist() == sorted(events.line.tolist())
        for ordinal, row in zip(events.line.tolist(), events.rows.to_pylist(), strict=True):
            event = json.loads(lines[ordinal])
            assert {k: v for k, v in row.items() if v is not None} == {
                k: v for k, v in event.items() if v is not None
            }


def test_two_objects_on_a_line_and_a_blank_one_do_not_shift_the_rows():
    lines = [text_of(thing(id="a")), b"", text_of(thing(id="b")) + text_of(thing(id="c"))]
    decoded = decode(lines_of(*lines, text_of(thing(id="d"))), CATALOG)
    (events,) = decoded.events
    assert events.line.tolist() == [0, 3]
    assert events.rows["id"].to_pylist() == ["a", "d"]


def test_what_bulk_refuses_without_a_known_reason_is_found_by_halving(monkeypatch):
    def refuse(text: bytes, *args: object) -> pa.Table | str:
        return "Arrow says no" if b'"bad"' in text else bulk(text, *args)

    bulk = decode_module._bulk
    monkeypatch.setattr(decode_module, "_bulk", refuse)
    lines = [text_of(thing(id="bad" if n == 77 else "good")) for n in range(200)]
    decoded = decode(lines_of(*lines), CATALOG)
    (rejected,) = decoded.rejected
    assert (rejected.line, rejected.reason.code) == (77, ReasonCode.UNDECODABLE)
    assert rejected.reason.detail == "Arrow says no"
    assert decoded.events[0].rows.num_rows == 199


def test_a_row_that_bulk_finds_invalid_is_never_kept_for_want_of_a_reason(monkeypatch):
    monkeypatch.setattr(decode_module, "diagnose", lambda *_, **__: None)
    decoded = decode(lines_of(text_of(thing(sequence=-1)), text_of(thing())), CATALOG)
    assert [each.reason.code for each in decoded.rejected] == [ReasonCode.UNDECODABLE]
    assert decoded.events[0].line.tolist() == [1]

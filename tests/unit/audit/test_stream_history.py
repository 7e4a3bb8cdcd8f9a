"""A stream read as a history: every event of a record, and what of it nobody could read."""

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.stream_history import (
    StreamEvent,
    Unreadable,
    events_of,
    field_of,
    json_values,
    text_of,
)
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.records import Position, Record

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4)


def record(data: bytes) -> Record:
    return Record(position=Position(7), partition_key="k", arrival_ms=1_000, data=data)


def events(data: bytes) -> list[object]:
    return [
        each.fields if isinstance(each, StreamEvent) else each.reason
        for each in events_of(record(data))
    ]


@given(
    st.lists(OBJECTS, min_size=1, max_size=6),
    st.sampled_from(["", "\n", "\r\n", " "]),
    st.sampled_from([None, 2]),
)
def test_objects_are_read_however_they_stand_behind_one_another(
    objects: list[dict[str, object]], between: str, indent: int | None
) -> None:
    text = between.join(json.dumps(each, indent=indent) for each in objects)
    assert [value for _, value in json_values(text)] == objects
    assert [json.loads(source) for source, _ in json_values(text)] == objects


@pytest.mark.parametrize(
    "packed",
    [
        lambda lines: lines,
        gzip.compress,
        lambda lines: bytes(pa.compress(lines, codec="zstd", asbytes=True)),
    ],
    ids=["plain", "gzip", "zstd"],
)
def test_aggregates_and_compressed_payloads_hold_the_same_events(packed: object) -> None:
    lines = b'{"id":"a"}\n{"id":"b"}\n'
    assert callable(packed)
    together = aggregate(
        [
            UserRecord(partition_key="one", payload=packed(lines)),
            UserRecord(partition_key="two", payload=packed(b'{"id":"c"}')),
        ]
    )
    found = list(events_of(record(together)))
    assert [each.index for each in found] == [0, 1, 2]
    assert [each.fields["id"] for each in found if isinstance(each, StreamEvent)] == ["a", "b", "c"]
    assert [each.key for each in found if isinstance(each, StreamEvent)] == ["one", "one", "two"]
    assert events(packed(lines)) == [{"id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (b"", ["empty"]),
        (b"\xff\xfe", ["not-utf8"]),
        (b"Obj\x01\x04avro", ["not-json: 'Obj\\x01\\x04avro'"]),
        (b"[1, 2]", ["not-an-object: '[1, 2]'"]),
        (b"\x1f\x8bno gzip", ["bad-compression"]),
        (b"\xf3\x89\x9a\xc2no aggregate at all, though it says so", ["bad-aggregate"]),
    ],
)
def test_what_cannot_be_read_is_told_and_never_passed_over(data: bytes, reasons: list[str]) -> None:
    assert events(data) == reasons


def test_a_line_that_is_no_json_does_not_take_its_neighbours_with_it() -> None:
    found = list(events_of(record(b'{"id":"a"}\nid=b\n{"id":\n{"id":"c"}')))
    assert [type(each) for each in found] == [StreamEvent, Unreadable, Unreadable, StreamEvent]
    assert [each.index for each in found] == [0, 1, 2, 3]


def test_copies_of_one_send_have_one_content_and_another_event_has_another() -> None:
    first, copy, other = (
        each.content
        for each in events_of(record(b'{"id":"a"}{"id":"a"}{"id": "a"}'))
        if isinstance(each, StreamEvent)
    )
    assert first == copy != other


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (12, "12"),
        (10**30, "1" + 30 * "0"),
        (1.5, "1.5"),
        (True, "true"),
        (None, None),
        ({"b": [1, "é"], "a": None}, '{"a":null,"b":[1,"é"]}'),
    ],
)
def test_a_value_has_one_text(value: object, text: str | None) -> None:
    assert text_of(value) == text


def test_a_field_may_lie_within_an_object() -> None:
    fields = {"meta": {"id": "a", "deep": {"x": 1}}, "a.b": 2}
    assert field_of(fields, "meta.id") == "a"
    assert field_of(fields, "meta.deep.x") == 1
    assert field_of(fields, "a.b") == 2
    assert field_of(fields, "meta.none") is field_of(fields, "id.x") is None

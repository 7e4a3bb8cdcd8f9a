"""Bad input ends in quarantine with a reason that names field and cause; its batch is stored."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def with_raw(line: bytes, field: str, raw: bytes) -> bytes:
    """Return `line` with the JSON text of `field` replaced by `raw`."""
    value = json.dumps(json.loads(line)[field]).encode()
    return line.replace(b'"%s":%s' % (field.encode(), value), b'"%s":%s' % (field.encode(), raw))


LINES: dict[str, tuple[Callable[[Any], bytes], str, str | None, str]] = {
    # name: (line of the core fixture, reason, field, part of the detail)
    "truncated": (lambda c: c.line(9)[:-20], "not-an-object", None, "}"),
    "truncated inside": (lambda c: c.line(9)[:-1] + b",}", "not-json", None, "at character"),
    "blank": (lambda c: b"", "empty", None, "empty"),
    "random bytes": (lambda c: bytes(range(128, 256)), "not-utf8", None, "byte 0"),
    "random ascii": (lambda c: b"$%&/()", "not-an-object", None, "{"),
    "two objects on a line": (lambda c: c.line(9) + c.line(8), "not-json", None, "Extra data"),
    "a list": (lambda c: b"[" + c.line(9) + b"]", "not-an-object", None, "{"),
    "a string for a number": (lambda c: c.line(9, flight="1545"), "wrong-type", "flight", "int64"),
    "a number for a string": (lambda c: c.line(9, carrier=7), "wrong-type", "carrier", "string"),
    "a fraction for an integer": (lambda c: c.line(9, flight=1.0), "wrong-type", "flight", "1.0"),
    "an object for a string": (lambda c: c.line(9, origin={}), "wrong-type", "origin", "dict"),
    "true for a number": (lambda c: c.line(9, flight=True), "wrong-type", "flight", "bool"),
    "missing field": (lambda c: c.line(9, carrier=...), "missing-field", "carrier", "required"),
    "null for required": (lambda c: c.line(9, flight=None), "missing-field", "flight", "required"),
    "missing id": (lambda c: c.line(9, id=...), "missing-field", "id", "required"),
    "unknown field": (lambda c: c.line(9, extra=1), "unknown-field", "'extra'", "no such field"),
    "unknown table": (lambda c: c.line(9, type="x"), "unknown-table", "type", "'x'"),
    "no table": (lambda c: c.line(9, type=...), "unknown-table", "type", "None"),
    "far future": (
        lambda c: c.line(9, event_time=c.arrival_ms + HOUR_MS + 1),
        "time-out-of-range",
        "event_time",
        "arrival",
    ),
    "ancient": (
        lambda c: c.line(9, event_time=c.arrival_ms - 30 * DAY_MS - 1),
        "time-out-of-range",
        "event_time",
        "arrival",
    ),
    "a time no calendar has": (
        lambda c: c.line(9, scheduled_departure=2**62),
        "out-of-range",
        "scheduled_departure",
        "not within",
    ),
    "NaN": (
        lambda c: with_raw(c.line(9), "air_time_minutes", b"NaN"),
        "wrong-type",
        "air_time_minutes",
        "nan",
    ),
    "a 1 MB string": (
        lambda c: c.line(9, carrier="x" * 1_000_000),
        "too-long",
        "carrier",
        "1000000 bytes",
    ),
    "over its bound": (lambda c: c.line(9, flight=100_000), "out-of-range", "flight", "100000"),
    "below its bound": (lambda c: c.line(9, sequence=-1), "out-of-range", "sequence", "-1"),
    "not among the allowed": (
        lambda c: json.dumps(
            {
                "type": "actions",
                "id": "departure-000009",
                "producer": "p0",
                "sequence": 9,
                "event_time": c.arrival_ms,
                "session": "s",
                "user": "u",
                "action": "dance",
                "carrier": "UA",
                "destination": "IAH",
                "duration_ms": 5,
                "user_agent": "x",
            }
        ).encode(),
        "not-allowed",
        "action",
        "'dance'",
    ),
    "nested 10,000 deep in a field": (
        lambda c: with_raw(c.line(9), "carrier", b"[" * 10_000 + b"]" * 10_000),
        "too-deep",
        None,
        "nested",
    ),
    "nested 10,000 deep in an unknown field": (
        lambda c: c.line(9)[:-1] + b',"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        "too-deep",
        None,
        "nested",
    ),
    "not UTF-8": (
        lambda c: c.line(9, carrier="??").replace(b"??", b"\xc3\x28"),
        "not-utf8",
        None,
        "UTF-8",
    ),
    "a surrogate as bytes": (
        lambda c: c.line(9, origin="???").replace(b"???", b"\xed\xa0\x80"),
        "not-utf8",
        None,
        "UTF-8",
    ),
    "a lone surrogate": (
        lambda c: c.line(9, carrier="\ud800"),
        "lone-surrogate",
        "carrier",
        "surrogate",
    ),
    "a number past 64 bits": (
        lambda c: c.line(9, sequence=2**63),
        "out-of-range",
        "sequence",
        "9223372036854775808",
    ),
    "a number of 5,000 digits": (
        lambda c: with_raw(c.line(9), "sequence", b"9" * 5_000),
        "out-of-range",
        "sequence",
        "999",
    ),
    "a key that stands twice": (
        lambda c: c.line(9)[:-1] + b',"flight":7}',
        "duplicate-key",
        "'flight'",
        "twice",
    ),
    "a raw control character": (
        lambda c: c.line(9, carrier="?").replace(b"?", b"\x01"),
        "not-json",
        None,
        "control character",
    ),
    "a zero byte": (lambda c: c.line(9)[:-1] + b"\x00}", "not-json", None, "at character"),
    "over 1 MiB": (
        lambda c: c.line(9)[:-1] + b',"x":[' + b"{}," * 400_000 + b"{}]}",
        "too-large",
        None,
        "over 1048576",
    ),
    "a byte order mark": (lambda c: b"\xef\xbb\xbf" + c.line(9), "not-an-object", None, "{"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_bad_line_is_quarantined_with_its_reason_and_its_batch_is_stored(core, name, place):
    make, code, field, detail = LINES[name]
    lines = [core.line(number) for number in range(6)]
    lines.insert(place, make(core))
    if name == "blank" and place == 6:
        lines.append(core.line(6))
    result = core.process(core.record(b"\n".join(lines) + b"\n", position=77))
    (row,) = core.quarantined(result)
    assert (row["reason"], row["field"]) == (code, field)
    assert detail in row["detail"]
    assert row["raw"] == make(core)
    assert (row["position"], row["index"], row["shard"]) == ("77", place, "shard-0")
    stored = [f"departure-{number:06d}" for number in range(len(lines) - 1)]
    assert core.ids(result) == stored
    assert result.counts.received == len(lines)
    assert result.counts.quarantined_by_reason == {code: 1}


# An empty record is a case of its own, below.
@pytest.mark.parametrize("name", [name for name in LINES if name != "blank"])
def test_a_bad_line_alone_in_its_record_is_no_obstacle_to_the_record_after_it(core, name):
    make, code, *_ = LINES[name]
    good = core.record(core.line(1), position=2)
    result = core.process(core.record(make(core), position=1), good)
    assert [row["reason"] for row in core.quarantined(result)] == [code]
    assert core.ids(result) == ["departure-000001"]


RECORDS: dict[str, tuple[Callable[[Any], bytes], str, str]] = {
    # name: (data of a record, reason, part of the detail)
    "empty": (lambda c: b"", "empty", "no event"),
    "only newlines": (lambda c: b"\n\n", "empty", "no event"),
    "broken aggregation checksum": (
        lambda c: aggregate([UserRecord(partition_key="k", payload=c.line(9))])[:-1] + b"\x00",
        "bad-aggregate",
        "checksum",
    ),
    "aggregate cut short": (
        lambda c: aggregate([UserRecord(partition_key="k", payload=c.line(9))])[:10],
        "bad-aggregate",
        "cut short",
    ),
    "truncated zstd": (lambda c: compress(c.line(9))[:-5], "bad-compression", "zstd"),
    "truncated gzip": (lambda c: gzip.compress(c.line(9))[:-5], "bad-compression", "gzip"),
    "random bytes after zstd's magic": (
        lambda c: b"\x28\xb5\x2f\xfd" + bytes(range(100)),
        "bad-compression",
        "zstd",
    ),
    "zstd bomb": (lambda c: compress(b"\n" * 300_000_000), "too-large", "more than"),
    "gzip bomb": (lambda c: gzip.compress(bytes(100_000_000), 1), "too-large", "more than"),
    "many zstd frames that are a bomb together": (
        lambda c: compress(b" " * 6_000_000) * 8,
        "too-large",
        "more than",
    ),
    "more user records than a commit may have": (
        lambda c: aggregate([UserRecord(partition_key="k", payload=b"")] * 140_000),
        "too-many-events",
        "more than 131072 user records",
    ),
    "more lines than a commit may have": (
        lambda c: compress(b"{}\n" * 200_000),
        "too-many-events",
        "more than",
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_record_is_quarantined_whole_and_its_batch_is_stored(core, name):
    make, code, detail = RECORDS[name]
    data = make(core)
    before, after = core.record(core.line(1), position=1), core.record(core.line(2), position=3)
    result = core.process(before, core.record(data, position=2), after)
    (row,) = core.quarantined(result)
    assert row["reason"] == code
    assert detail in row["detail"]
    assert row["raw"] == data
    assert row["position"] == "2"
    assert core.ids(result) == ["departure-000001", "departure-000002"]
    assert result.counts.received == 3


@pytest.mark.parametrize("name", ["empty", "truncated zstd", "random bytes after zstd's magic"])
def test_a_bad_user_record_costs_no_other_of_its_aggregate(core, name):
    make, code, _ = RECORDS[name]
    result = core.process(core.record(core.line(1), make(core), core.line(2)))
    (row,) = core.quarantined(result)
    assert (row["reason"], row["index"], row["raw"]) == (code, 1, make(core))
    assert [stored["_index"] for stored in core.rows(result)] == [0, 2]


def test_a_bomb_needs_no_more_memory_than_its_bound(core):
    before = pa.total_allocated_bytes()
    pool = pa.default_memory_pool()
    bomb = compress(bytes(500_000_000))
    peak = pool.max_memory()
    core.process(core.record(bomb))
    assert pool.max_memory() - peak < 64 * 1024 * 1024
    assert pa.total_allocated_bytes() - before < 64 * 1024 * 1024


def test_an_id_seen_with_another_body_is_quarantined_as_a_conflict(core):
    result = core.process(core.record(core.line(1), core.line(1, flight=7), core.line(2)))
    (row,) = core.quarantined(result)
    assert (row["reason"], row["field"]) == ("conflicting-duplicate", "id")
    assert row["event_id"] == "departure-000001"
    assert row["raw"] == core.line(1, flight=7)
    assert core.ids(result) == ["departure-000001", "departure-000002"]


def test_a_quarantined_event_keeps_the_id_that_could_be_read(core):
    lines = [core.line(1, flight="x"), core.line(2)[:-20], core.line(3)[:30]]
    result = core.process(core.record(b"\n".join(lines)))
    ids = [row["event_id"] for row in core.quarantined(result)]
    assert ids == ["departure-000001", "departure-000002", None]


def test_many_bad_lines_among_good_ones_are_told_apart(core):
    lines = [core.line(n) if n % 3 else core.line(n, flight="x") for n in range(500)]
    result = core.process(core.record(b"\n".join(lines)))
    assert result.counts.quarantined == 167
    assert core.ids(result) == [f"departure-{n:06d}" for n in range(500) if n % 3]

"""Bad input as real records on a real stream: each ends in quarantine with its cause, alone."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress
from tests.faults.stack.conftest import Rig, Rigs

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def rig(rigs: Rigs) -> Rig:
    return rigs("bad", shard_count="1")


def raw(body: bytes, field: str, text: bytes) -> bytes:
    """Return an event with the JSON text of a field replaced."""
    return re.sub(rb'("%s"):("[^"]*"|-?\d+)' % field.encode(), lambda m: m[1] + b":" + text, body)


def moved(body: bytes, milliseconds: int) -> bytes:
    time_ms = json.loads(body)["event_time"] + milliseconds
    return raw(body, "event_time", str(time_ms).encode())


Bad = tuple[Callable[[bytes], bytes], str, str | None, str]

EVENTS: dict[str, Bad] = {
    # name: (what becomes of a good event, reason, field, part of the detail)
    "random bytes": (lambda e: bytes(range(128, 256)), "not-utf8", None, "byte 0"),
    "NaN": (lambda e: raw(e, "distance_miles", b"NaN"), "wrong-type", "distance_miles", "nan"),
    "a 1 MB string": (
        lambda e: raw(e, "carrier", b'"' + b"x" * 1_000_000 + b'"'),
        "too-long",
        "carrier",
        "1000000 bytes",
    ),
    "10,000 deep": (
        lambda e: raw(e, "carrier", b"[" * 10_000 + b"]" * 10_000),
        "too-deep",
        None,
        "nested",
    ),
    "duplicate key": (lambda e: e[:-1] + b',"flight":7}', "duplicate-key", "'flight'", "twice"),
    "lone surrogate": (
        lambda e: raw(e, "carrier", rb'"\ud800"'),
        "lone-surrogate",
        "carrier",
        "surrogate",
    ),
    "wrong type": (lambda e: raw(e, "flight", b'"1545"'), "wrong-type", "flight", "int64"),
    "unknown field": (lambda e: e[:-1] + b',"x":1}', "unknown-field", "'x'", "no such field"),
    "missing field": (
        lambda e: re.sub(rb'"origin":"[^"]*",', b"", e),
        "missing-field",
        "origin",
        "required",
    ),
    "far future": (lambda e: moved(e, 3650 * DAY_MS), "time-out-of-range", "event_time", "arrival"),
    "ancient": (lambda e: moved(e, -3650 * DAY_MS), "time-out-of-range", "event_time", "arrival"),
    "not UTF-8": (lambda e: raw(e, "carrier", b'"\xc3\x28"'), "not-utf8", None, "UTF-8"),
    "past 64 bits": (
        lambda e: raw(e, "distance_miles", str(2**63).encode()),
        "out-of-range",
        "distance_miles",
        str(2**63),
    ),
    "empty": (lambda e: b"", "empty", None, "holds no event"),
    "truncated compression": (lambda e: compress(e)[:-5], "bad-compression", None, "zstd"),
}

RECORDS: dict[str, Bad] = {
    # the same of whole records
    "truncated aggregate": (
        lambda e: aggregate([UserRecord(partition_key="k", payload=e)])[:12],
        "bad-aggregate",
        None,
        "cut short",
    ),
    "broken checksum": (
        lambda e: aggregate([UserRecord(partition_key="k", payload=e)])[:-1] + b"\x00",
        "bad-aggregate",
        None,
        "checksum",
    ),
    "decompression bomb": (
        lambda e: compress(b"\n" * 300_000_000),
        "too-large",
        None,
        "more than",
    ),
}


def test_each_bad_input_is_quarantined_with_field_and_cause_and_its_neighbours_are_stored(
    rig: Rig, tmp_path: Path
) -> None:
    written = rig.write(2 * len(EVENTS) + 2)
    bodies = iter(written.events.bodies)
    expected: dict[tuple[str, int], tuple[bytes, str, str | None, str]] = {}

    def payloads(bad: bytes, before: bytes, after: bytes) -> bytes:
        return aggregate(UserRecord(partition_key="k", payload=p) for p in (before, bad, after))

    for name, (make, code, field, detail) in EVENTS.items():
        before, after = next(bodies), next(bodies)
        bad = make(raw(before, "id", f'"bad {name}"'.encode()))
        position = rig.put(payloads(bad, before, after))
        expected[position, 1] = (bad, code, field, detail)
    for name, (make, code, field, detail) in RECORDS.items():
        bad = make(raw(written.events.bodies[0], "id", f'"bad {name}"'.encode()))
        expected[rig.put(bad), 0] = (bad, code, field, detail)
    # One id with two bodies: the first is stored, the other is kept as a conflict.
    before, after = next(bodies), next(bodies)
    other = raw(before, "flight", b"1")
    position = rig.put(payloads(other, before, after))
    expected[position, 1] = (other, "conflicting-duplicate", "id", "another body")

    verdict = rig.verdict(written.folder)
    account = verdict.account
    assert verdict.validity == "valid", verdict.summary()
    assert account.stored == account.rows == account.sent == 2 * len(EVENTS) + 2
    found = {
        (row["position"], row["index"]): row for row in rig.rows("quarantine", tmp_path / "lake")
    }
    assert found.keys() == expected.keys()
    for place, (bad, code, field, detail) in expected.items():
        row = found[place]
        assert (row["reason"], row["field"], row["raw"]) == (code, field, bad)
        assert detail in row["detail"]
    assert "Runtime exited with error" not in (rig.stack.folder / "mapping.log").read_text()


def test_poison_among_the_events_of_a_load_is_quarantined_to_the_last_one(rig: Rig) -> None:
    load = rig.load(rate=1_000, seconds=5, poison=40)
    verdict = rig.verdict(load)
    account = verdict.account
    assert verdict.validity == "valid", verdict.summary()
    assert account.stored == account.rows == 4_960
    assert account.quarantined == account.quarantined_poison == 40
    for reason in ("wrong-type", "missing-field", "out-of-range"):
        assert verdict.quarantined_by_reason[reason] == 10

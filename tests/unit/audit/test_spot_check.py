"""The auditor's judgement agrees with one that is plain: an event, its rows, its quarantine."""

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.checksum import checksum
from pipeline.audit.spot_check import Evidence, Findings, Sample, Sent, judge, sent_of
from pipeline.contracts import CANARIES, CONTRACTS
from pipeline.core.records import Position, Record, ShardId

SHARD = ShardId("s")
BY_TABLE = {contract.table: contract for contract in CONTRACTS}


def sent(number: int, body: int = 0) -> Sent:
    return Sent(
        shard=SHARD,
        position=Position(number),
        index=0,
        key=("canaries", f"c{number}"),
        checksum=body,
    )


def record(*lines: bytes) -> Record:
    return Record(position=Position(7), partition_key="k", arrival_ms=1, data=b"\n".join(lines))


@given(st.lists(st.integers(0, 3), max_size=60), st.sets(st.integers(0, 59)))
def test_every_event_gets_its_one_fate(rows: list[int], quarantined: set[int]) -> None:
    events = [sent(number) for number in range(len(rows))]
    evidence = Evidence()
    for number, count in enumerate(rows):
        for _ in range(count):
            evidence.stored["canaries", f"c{number}"].append(0)
        if number in quarantined:
            evidence.quarantine(
                event_id=None, reason="not-json", position=Position(number), index=0
            )
    found = judge(events, evidence, all_seen=True)
    lost = [n for n, count in enumerate(rows) if not count and n not in quarantined]
    assert (found.audited, found.lost, found.altered) == (len(rows), len(lost), 0)
    assert found.duplicated == sum(count > 1 for count in rows)
    partial = judge(events, evidence, all_seen=False)
    assert (partial.audited, partial.lost) == (len(rows) - len(lost), 0)


def test_of_two_bodies_under_one_id_either_may_be_stored() -> None:
    evidence = Evidence()
    evidence.stored["canaries", "c1"].append(5)
    assert judge([sent(1, body=4), sent(1, body=5)], evidence, all_seen=True) == Findings(audited=1)
    assert judge([sent(1, body=4)], evidence, all_seen=True).altered == 1
    evidence.quarantine(
        event_id="c1", reason="conflicting-duplicate", position=Position(9), index=0
    )
    assert judge([sent(1, body=4)], evidence, all_seen=True).altered == 0


def test_a_quarantined_event_does_not_excuse_its_neighbours_but_a_whole_record_does() -> None:
    first = Sent(shard=SHARD, position=Position(7), index=0, key=None)
    second = Sent(shard=SHARD, position=Position(7), index=1, key=("canaries", "c"))
    for reason, lost in (("not-json", 1), ("masked", 0)):
        evidence = Evidence()
        evidence.quarantine(event_id=None, reason=reason, position=Position(7), index=0)
        assert judge([first, second], evidence, all_seen=True).lost == lost


def test_an_event_is_read_with_its_key_hour_and_checksum() -> None:
    event = {
        "type": "canaries",
        "id": "c",
        "producer": "probe",
        "sequence": 1,
        "event_time": 7_200_001,
    }
    readable, strange, broken = sent_of(
        record(json.dumps(event).encode(), b'{"type":"nothing","id":"x"}', b"{"), SHARD, BY_TABLE
    )
    assert (readable.key, readable.hour) == (("canaries", "c"), 2)
    assert readable.checksum == checksum(event, CANARIES)
    assert (strange.key, broken.key) == (None, None)
    assert [each.index for each in (readable, strange, broken)] == [0, 1, 2]


@given(st.integers(1, 64), st.integers(1, 400), st.integers(1, 3))
def test_a_sample_is_bounded_and_holds_all_copies_of_an_id_or_none(
    events_max: int, events: int, copies: int
) -> None:
    sample = Sample(events_max=events_max)
    for number in [*range(events)] * copies:
        sample.add(sent(number))
    assert len(sample.events) <= events_max
    assert sample.seen == events * copies
    assert set(Counter(each.key for each in sample.events).values()) <= {copies}
    assert (sample.share == 1.0) == (events * copies <= events_max)

"""What a commit covers: order, partitions, footers, early stops, masks, lost ranges, replays."""

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.payload import compress
from pipeline.core.process import Batch, Limits, LostRange, process
from pipeline.core.records import Position, ShardId
from pipeline.core.result import Attempt
from pipeline.domain import catalog
from pipeline.errors import BrokenInvariant

HOUR_MS = 3_600_000


def test_events_of_plain_aggregated_and_compressed_records_are_stored_alike(core):
    lines = [core.line(number) for number in range(6)]
    result = core.process(
        core.record(lines[0], position=1),
        core.record(lines[1], lines[2] + b"\n" + lines[3], position=2),
        core.record(compress(lines[4] + b"\n" + lines[5] + b"\n"), position=3),
    )
    assert core.ids(result) == [f"departure-{number:06d}" for number in range(6)]
    places = {(row["_position"], row["_index"]) for row in core.rows(result)}
    assert places == {("1", 0), ("2", 0), ("2", 1), ("2", 2), ("3", 0), ("3", 1)}
    assert (result.last, result.counts.records, result.counts.received) == (3, 3, 6)


def test_lines_may_end_in_carriage_return_and_newline(core):
    result = core.process(core.record(core.line(1) + b"\r\n" + core.line(2) + b"\r\n"))
    assert core.ids(result) == ["departure-000001", "departure-000002"]


def test_white_space_and_any_order_of_fields_make_no_difference(core):
    spaced = core.line(1).replace(b'":', b'" : ').replace(b',"', b' , "')
    event = core.event(2)
    turned = json.dumps(dict(reversed(event.items()))).encode()
    result = core.process(core.record(spaced + b"\n" + turned))
    assert core.ids(result) == ["departure-000001", "departure-000002"]


def test_a_payload_may_mix_tables(core):
    change = (
        b'{"type":"plane_changes","id":"c1","producer":"p","sequence":1,"event_time":%d,'
        b'"aircraft":"N1","operation":"create","transaction":1,"manufacturer":"BOEING",'
        b'"model":"737","engines":2,"seats":140}' % core.arrival_ms
    )
    result = core.process(core.record(b"\n".join([core.line(1), change, core.line(2)])))
    assert core.ids(result) == ["departure-000001", "departure-000002"]
    assert core.ids(result, "plane_changes") == ["c1"]
    assert core.rows(result, "plane_changes")[0]["_index"] == 1


def test_an_event_is_enriched_from_its_dimensions(core):
    (row,) = core.rows(core.process(core.record(core.line(1, aircraft="N14228"))))
    assert row["carrier_name"] == "United Air Lines Inc."
    assert row["destination_name"] == "George Bush Intercontinental"
    assert (row["manufacturer"], row["model"], row["seats"]) == ("BOEING", "737-824", 149)
    assert row["temperature_f"] == pytest.approx(39.02)


def test_what_no_dimension_knows_stays_null(core):
    line = core.line(1, carrier="??", destination="???", origin="???", scheduled_departure=0)
    (row,) = core.rows(core.process(core.record(line)))
    enriched = ("carrier_name", "destination_name", "manufacturer", "seats", "wind_mph")
    assert [row[name] for name in enriched] == [None] * 5


def test_files_are_partitioned_by_event_hour_and_sorted_by_key_then_time(core, read_file):
    lines = [
        core.line(n, event_time=core.arrival_ms - (n % 3) * HOUR_MS - n * 1_000) for n in range(60)
    ]
    result = core.process(core.record(b"\n".join(lines)))
    assert [file.final_key for file in result.files] == [
        f"lake/departures/dt=2026-11-18/hour={hour:02d}/shard-0-1.parquet" for hour in (9, 10, 11)
    ]
    for file in result.files:
        table = read_file(file)
        keys = list(
            zip(table["aircraft"].to_pylist(), table["event_time"].to_pylist(), strict=True)
        )
        assert keys == sorted(keys)
        assert {time.hour for _, time in keys} == {int(file.final_key.split("hour=")[1][:2])}


def test_events_of_one_key_and_time_keep_their_order(core):
    lines = [core.line(n, aircraft="N1", event_time=core.arrival_ms) for n in range(50)]
    rows = core.rows(core.process(core.record(b"\n".join(lines))))
    assert [row["sequence"] for row in rows] == list(range(50))


def test_a_file_says_whose_commit_it_is_and_which_part(core):
    result = core.process(core.record(core.line(1) + b"\n{}", position=5))
    parts = []
    for file in result.files:
        metadata = pq.read_metadata(pa.BufferReader(file.body)).metadata
        assert metadata[b"sluice.shard"] == b"shard-0"
        assert (metadata[b"sluice.first"], metadata[b"sluice.last"]) == (b"5", b"5")
        assert metadata[b"sluice.token"] == b"token"
        assert metadata[b"sluice.contract_version"] == b"1"
        assert file.sha256 == hashlib.sha256(file.body).hexdigest()
        parts.append(metadata[b"sluice.part"])
    assert parts == [b"1 of 2", b"2 of 2"]


def test_times_are_utc_timestamps_and_every_column_has_statistics(core, read_file):
    result = core.process(core.record(core.line(1)))
    (file,) = result.files
    assert read_file(file).schema.field("event_time").type == pa.timestamp("ms", tz="UTC")
    group = pq.read_metadata(pa.BufferReader(file.body)).row_group(0)
    assert all(group.column(n).is_stats_set for n in range(group.num_columns))
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}


def test_the_same_input_gives_the_same_bytes(core):
    lines = [core.line(n, carrier="UA" if n % 2 else "??") for n in range(2_000)]
    record = core.record(b"\n".join([*lines, b"{}", lines[0]]))
    first, second = core.process(record), core.process(record)
    assert first == second


def test_a_masked_record_is_quarantined_without_being_decoded(core):
    result = core.process(
        core.record(core.line(1), position=1), core.record(core.line(2), position=2), masked=[2]
    )
    assert core.ids(result) == ["departure-000001"]
    (row,) = core.quarantined(result)
    assert (row["reason"], row["raw"], row["event_id"]) == ("masked", core.line(2), None)


def test_a_lost_range_is_one_row_of_quarantine(core):
    lost = LostRange(first=Position(1), last=Position(4), reason="expired")
    result = core.process(core.record(core.line(1), position=5), lost=[lost])
    (row,) = core.quarantined(result)
    assert (row["reason"], row["position"]) == ("lost: expired", "1")
    assert row["detail"] == "positions 1 to 4"
    assert (result.last, result.counts.received, result.counts.quarantined) == (5, 2, 1)


def test_a_range_that_is_lost_whole_is_committed_to_its_end(core):
    lost = LostRange(
        first=Position(1), last=Position(4), reason="expired", arrival_ms=core.arrival_ms
    )
    result = core.process(lost=[lost])
    assert (result.last, result.counts.records) == (4, 0)
    assert "/dt=2026-11-18/" in result.files[0].final_key


def test_an_empty_batch_breaks_an_invariant(core):
    attempt = Attempt(shard=ShardId("shard-0"), first=Position(1), token="token")
    with pytest.raises(BrokenInvariant):
        process(
            Batch(records=()),
            attempt=attempt,
            seen=core.seen(),
            catalog=catalog(),
            limits=Limits(),
        )


def test_a_commit_ends_before_the_record_that_opens_one_partition_too_many(core):
    records = [
        core.record(core.line(n, event_time=core.arrival_ms - n * HOUR_MS), position=n + 1)
        for n in range(40)
    ]
    result = core.process(*records)
    assert (result.last, result.counts.records, len(result.files)) == (16, 16, 16)
    rest = core.process(*records[16:])
    assert (rest.last, rest.counts.stored) == (32, 16)


def test_partitions_of_quarantine_count_as_well(core):
    records = [
        core.record(b"{}", position=n + 1, arrival_ms=core.arrival_ms + n * HOUR_MS)
        for n in range(20)
    ]
    assert core.process(*records).last == 16


def test_a_single_record_may_span_more_partitions_up_to_its_own_bound(core):
    lines = [core.line(n, event_time=core.arrival_ms - n * HOUR_MS) for n in range(80)]
    result = core.process(core.record(b"\n".join(lines)), core.record(core.line(99), position=2))
    assert result.last == 1
    assert len(core.files(result, "departures")) == 64
    reasons = {(row["reason"], row["field"]) for row in core.quarantined(result)}
    assert reasons == {("too-many-partitions", "event_time")}
    assert (result.counts.stored, result.counts.quarantined) == (64, 16)


def test_a_commit_ends_before_the_record_that_decodes_to_too_much(core):
    payload = compress(b"\n".join(core.line(n) for n in range(10)))
    records = [core.record(payload, position=n) for n in range(1, 6)]
    result = core.process(*records, decoded_bytes_max=8_000)
    assert (result.last, result.counts.records) == (2, 2)


def test_a_commit_ends_before_the_record_that_holds_too_many_events(core):
    records = [core.record(core.line(n) + b"\n" + core.line(n + 50), position=n) for n in (1, 2, 3)]
    assert core.process(*records, events_max=5).last == 2


def test_a_record_that_crosses_a_limit_alone_is_quarantined_whole(core):
    payload = compress(b"\n".join(core.line(n) for n in range(100)))
    records = [core.record(payload, position=1), core.record(core.line(1), position=2)]
    result = core.process(*records, decoded_bytes_max=8_000)
    assert result.last == 2
    assert [row["raw"] for row in core.quarantined(result)] == [payload]


def test_a_replay_is_exempt_from_quarantined_ids_only(core):
    first = core.process(core.record(core.line(1, flight="bad") + b"\n" + core.line(2)))
    seen = core.seen(first.ids)
    lines = core.line(1) + b"\n" + core.line(2)
    again = core.process(core.record(lines, position=2), seen=seen)
    assert [row["reason"] for row in core.quarantined(again)] == ["conflicting-duplicate"]
    replay = core.process(core.record(lines, position=2, key="sluice-replay:x"), seen=seen)
    assert core.ids(replay) == ["departure-000001"]
    assert (replay.counts.duplicates, replay.counts.quarantined) == (1, 0)


def test_a_replay_inside_an_aggregate_is_one_too(core):
    first = core.process(core.record(core.line(1, flight="bad")))
    record = core.record(core.line(2), core.line(1), position=2, key="sluice-replay:x")
    replay = core.process(record, seen=core.seen(first.ids))
    assert core.ids(replay) == ["departure-000001", "departure-000002"]


def test_a_replay_of_an_aggregate_that_was_never_read_is_one_to_its_last_event(core):
    first = core.process(core.record(core.line(1, flight="bad")))
    unread = core.record(core.line(2), core.line(1), b"{}").data
    record = core.record(position=2, key="sluice-replay:k", data=unread)
    replay = core.process(record, seen=core.seen(first.ids))
    assert core.ids(replay) == ["departure-000001", "departure-000002"]
    (row,) = core.quarantined(replay)
    assert (row["replay"], row["partition_key"]) == (True, "sluice-replay:k")


def test_a_replayed_event_that_is_bad_again_says_that_it_was_a_replay(core):
    result = core.process(core.record(b"{}", key="sluice-replay:x"))
    assert [row["replay"] for row in core.quarantined(result)] == [True]


def test_white_space_does_not_make_a_copy_another_event(core):
    first = core.process(core.record(core.line(1)))
    spaced = core.line(1).replace(b'":', b'": ')
    again = core.process(core.record(spaced, position=2), seen=core.seen(first.ids))
    assert (again.counts.duplicates, again.counts.quarantined) == (1, 0)


def test_events_that_go_missing_inside_break_an_invariant(core, monkeypatch):
    monkeypatch.setattr("pipeline.core.process.arrange", lambda *_, **__: [])
    with pytest.raises(BrokenInvariant, match="do not add up"):
        core.process(core.record(core.line(1)))


def test_a_copy_of_what_was_quarantined_is_dropped(core):
    first = core.process(core.record(core.line(1, flight="bad")))
    again = core.process(
        core.record(core.line(1, flight="bad"), position=2), seen=core.seen(first.ids)
    )
    assert (again.counts.duplicates, again.counts.quarantined, again.files) == (1, 0, ())
    assert again.ids == b""


def test_a_replay_brings_back_what_was_quarantined_as_a_conflict(core):
    bad, good = core.line(1, flight="bad"), core.line(1)
    first = core.process(core.record(bad + b"\n" + good))
    assert first.counts.quarantined_by_reason == {"wrong-type": 1, "conflicting-duplicate": 1}
    replay = core.record(good, position=2, key="sluice-replay:x")
    again = core.process(replay, seen=core.seen(first.ids))
    assert core.ids(again) == ["departure-000001"]

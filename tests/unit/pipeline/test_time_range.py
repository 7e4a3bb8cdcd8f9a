"""A span of a stream without an index by time is read from its oldest record on."""

from pipeline.core.records import Record
from pipeline.sources import time_range
from pipeline.sources.time_range import read_on
from pipeline.testing.stream import ManualClock, ScriptedStream

STEP_MS = 1_000


def filled(records: int) -> tuple[ScriptedStream, list[Record]]:
    clock = ManualClock()
    stream = ScriptedStream(clock)
    shard = stream.open("topic-0")
    put: list[Record] = []
    for number in range(records):
        put += stream.put(shard, str(number))
        clock.advance(STEP_MS)
    return stream, put


def test_a_span_holds_both_of_its_ends_and_nothing_beside_them() -> None:
    stream, put = filled(10)
    (shard,) = stream.shards_by_id
    since_ms, until_ms = put[3].arrival_ms, put[6].arrival_ms
    assert [*read_on(stream, shard, since_ms=since_ms, until_ms=until_ms)] == put[3:7]


def test_a_stream_longer_than_one_read_is_read_to_its_end() -> None:
    stream, put = filled(2 * time_range.RECORDS_MAX + 1)
    (shard,) = stream.shards_by_id
    assert [*read_on(stream, shard, since_ms=0, until_ms=put[-1].arrival_ms)] == put


def test_an_empty_stream_holds_no_span() -> None:
    stream, _ = filled(0)
    (shard,) = stream.shards_by_id
    assert [*read_on(stream, shard, since_ms=0, until_ms=1)] == []

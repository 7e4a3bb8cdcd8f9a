"""A stream read from outside: to its tip, beside its consumers, and no further than is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError
from pipeline.sources.whole_stream import (
    ARRIVAL_DISORDER_MS,
    EMPTY_READS_MAX,
    READ_SECONDS,
    THROTTLED_SECONDS,
    THROTTLES_MAX,
    StreamFacts,
    WholeStream,
)

SHARD = ShardId("shardId-000000000000")
EVER = 1 << 60
THROTTLE = ClientError(
    {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow"}}, "GetRecords"
)
EXPIRED = ClientError(
    {"Error": {"Code": "ExpiredIteratorException", "Message": "old"}}, "GetRecords"
)


def answer(*arrivals_ms: int, behind_ms: int = 0, ends: bool = False) -> dict[str, Any]:
    return {
        "Records": [
            {
                "SequenceNumber": str(arrival_ms),
                "PartitionKey": "k",
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(arrival_ms / 1000, UTC),
                "Data": b"x",
            }
            for arrival_ms in arrivals_ms
        ],
        "MillisBehindLatest": behind_ms,
        "NextShardIterator": None if ends else "next",
    }


class Scripted:
    """A Kinesis that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.began: dict[str, Any] = {}
        self.reads = 0
        self.pauses: list[float] = []

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        self.began = request
        return {"ShardIterator": "first"}

    def get_records(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        assert isinstance(given, dict)
        return given

    def read(self, *, since_ms: int | None = None, past_ms: int = EVER) -> Iterator[int]:
        stream = WholeStream(self, "stream", pause=self.pauses.append)  # type: ignore[arg-type]
        for record in stream.records(SHARD, since_ms=since_ms, past_ms=past_ms):
            yield record.arrival_ms


def test_a_shard_is_read_from_its_oldest_record_to_its_tip() -> None:
    client = Scripted(answer(1, 2, behind_ms=9), answer(behind_ms=9), answer(3), answer())
    assert list(client.read()) == [1, 2, 3]
    assert client.began["ShardIteratorType"] == "TRIM_HORIZON"


def test_a_closed_shard_is_read_to_its_end() -> None:
    client = Scripted(answer(1, behind_ms=9), answer(2, behind_ms=9, ends=True))
    assert list(client.read()) == [1, 2]
    assert client.reads == 2


def test_consumers_keep_most_of_the_reads_of_a_shard() -> None:
    client = Scripted(answer(1), answer(2), answer())
    list(client.read())
    assert client.pauses == [READ_SECONDS] * 2
    assert READ_SECONDS >= 0.4


def test_a_read_begins_at_the_time_that_is_asked_for() -> None:
    client = Scripted(answer())
    list(client.read(since_ms=1_500))
    assert client.began["ShardIteratorType"] == "AT_TIMESTAMP"
    assert client.began["Timestamp"].timestamp() == 1.5


def test_a_read_ends_once_all_that_is_asked_for_has_surely_been_seen() -> None:
    late = 5_000 + ARRIVAL_DISORDER_MS
    client = Scripted(answer(4_000, late, 4_500, late + 1, late + 2, behind_ms=9))
    assert list(client.read(past_ms=5_000)) == [4_000, late, 4_500]


def test_a_throttled_read_waits_and_goes_on() -> None:
    client = Scripted(answer(1), THROTTLE, THROTTLE, answer(2), answer())
    assert list(client.read()) == [1, 2]
    assert client.pauses.count(THROTTLED_SECONDS) == 2


def test_a_shard_that_throttles_for_ever_is_given_up() -> None:
    client = Scripted(THROTTLE)
    with pytest.raises(OperatingError, match="throttles every read"):
        list(client.read())
    assert client.reads == THROTTLES_MAX


@pytest.mark.parametrize("trouble", [EXPIRED, answer(behind_ms=9)], ids=["expired", "no tip"])
def test_other_trouble_is_told_with_its_shard(trouble: Any) -> None:
    client = Scripted(answer(1), trouble)
    with pytest.raises(OperatingError, match=SHARD):
        list(client.read())
    assert client.reads <= EMPTY_READS_MAX + 2


def test_a_stream_younger_than_its_retention_still_holds_all_that_it_took() -> None:
    facts = StreamFacts(shards=(), created_ms=1_000, retention_ms=5_000)
    assert facts.is_whole(5_999)
    assert not facts.is_whole(6_000)

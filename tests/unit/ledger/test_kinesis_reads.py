"""Reads by position: what an answer of GetRecords proves, and what it does not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import Slice
from pipeline.sources.kinesis import EMPTY_READS_MAX, KinesisSource

SHARD = ShardId("shardId-000000000000")


def entry(position: int) -> dict[str, Any]:
    return {
        "SequenceNumber": str(position),
        "PartitionKey": "k",
        "ApproximateArrivalTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "Data": b"x",
    }


def answer(*positions: int, behind_ms: int = 0, ends: bool = False) -> dict[str, Any]:
    return {
        "Records": [entry(position) for position in positions],
        "MillisBehindLatest": behind_ms,
        "NextShardIterator": None if ends else "next",
    }


class Scripted:
    """A Kinesis that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        self.asked.append(request)
        return {"ShardIterator": "first"}

    def get_records(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        assert isinstance(given, dict)
        return given


def read(client: Scripted, *, after: int | None = 10, origin: int | None = None) -> Slice:
    source = KinesisSource(
        client,  # type: ignore[arg-type]
        "stream",
        None,  # type: ignore[arg-type]
        pause=lambda _: None,
    )
    return source.read_after(
        SHARD,
        after=Position(after) if after is not None else None,
        origin=Position(origin) if origin is not None else None,
        records_max=1,
    )


def positions(found: Slice) -> list[int]:
    return [record.position for record in found.records]


def test_one_empty_answer_proves_nothing() -> None:
    client = Scripted(answer(10, behind_ms=9), *[answer(behind_ms=5)] * 7, answer(17))
    found = read(client)
    assert positions(found) == [17]
    assert found.held


def test_the_tip_is_an_empty_answer_that_is_not_behind() -> None:
    found = read(Scripted(answer(10), answer()))
    assert found.at_tip
    assert not found.closed
    assert found.records == ()


def test_no_next_iterator_is_the_end_of_the_shard() -> None:
    found = read(Scripted(answer(10, ends=True)))
    assert found.closed
    assert found.held


def test_a_record_at_the_end_of_a_shard_is_handed_over_before_the_end() -> None:
    assert positions(read(Scripted(answer(10, 12, ends=True)))) == [12]


def test_a_position_that_expired_is_not_held() -> None:
    found = read(Scripted(answer(15)))
    assert positions(found) == [15]
    assert not found.held


def test_a_stream_that_gives_neither_records_nor_its_tip_is_trouble() -> None:
    client = Scripted(answer(behind_ms=1))
    with pytest.raises(OperatingError, match="neither records nor its tip"):
        read(client)
    assert len(client.asked) <= EMPTY_READS_MAX + 3


def test_a_throttle_raises() -> None:
    throttled = ClientError(
        {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "m"}}, "GetRecords"
    )
    with pytest.raises(OperatingError) as caught:
        read(Scripted(throttled))
    assert caught.value.retryable
    assert caught.value.shard == SHARD


@pytest.mark.parametrize(
    ("after", "origin", "kind", "start"),
    [
        (10, 5, "AT_SEQUENCE_NUMBER", "10"),
        (None, 5, "AT_SEQUENCE_NUMBER", "5"),
        (None, None, "TRIM_HORIZON", None),
    ],
)
def test_a_read_starts_at_the_position_else_the_origin_else_the_oldest(
    after: int | None, origin: int | None, kind: str, start: str | None
) -> None:
    client = Scripted(answer(20))
    read(client, after=after, origin=origin)
    assert client.asked[0]["ShardIteratorType"] == kind
    assert client.asked[0].get("StartingSequenceNumber") == start

"""How a shard is read as AWS lets it be read: iterators, limits, ends and expiry."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.local import resharding, shards
from tests.local_aws import aws_rule

HOUR = 3600.0
DAY = 24 * HOUR
FIRST = "shardId-000000000000"


def test_sequence_numbers_have_56_digits_grow_and_leave_gaps_even_if_the_clock_steps_back(
    api: Any, clock: SimpleNamespace
) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1, 2)
    clock.seconds -= 60
    api.put(3)
    _, answer = api.read(api.iterator(FIRST))
    numbers = [record["SequenceNumber"] for record in answer["Records"]]
    assert [len(number) for number in numbers] == [56, 56, 56]
    assert int(numbers[0]) + 1 < int(numbers[1]) < int(numbers[2]) - 1


@aws_rule(
    page="Kinesis API reference, GetShardIterator",
    says="an iterator is a position in the shard",
    alone="a place in a list: it slips when records expire",
)
def test_an_iterator_does_not_slip_when_old_records_expire(
    api: Any, clock: SimpleNamespace
) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1, 2)
    clock.seconds += DAY - 60
    api.put(3, 4, 5)
    _, answer = api.read(api.iterator(FIRST), Limit=3)
    clock.seconds += 120
    assert api.read(answer["NextShardIterator"])[0] == ["4", "5"]


@aws_rule(
    page="Kinesis developer guide, Changing the data retention period",
    says="records are accessible for the retention period",
    alone="the same",
)
def test_records_older_than_the_retention_period_are_gone(api: Any, clock: SimpleNamespace) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1)
    clock.seconds += HOUR
    api.put(2)
    clock.seconds += DAY - 60
    assert api.read(api.iterator(FIRST))[0] == ["2"]


def test_a_closed_shard_leaves_the_list_when_all_it_held_has_expired(
    api: Any, clock: SimpleNamespace
) -> None:
    api.call("CreateStream", ShardCount=1)
    api.call("SplitShard", ShardToSplit=FIRST, NewStartingHashKey="10")
    clock.seconds += DAY - 1
    assert FIRST in api.listed()
    clock.seconds += 2
    children = api.listed()
    assert FIRST not in children
    assert {child["ParentShardId"] for child in children.values()} == {FIRST}
    with pytest.raises(api.refusal, match="ResourceNotFoundException"):
        api.iterator(FIRST)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("TRIM_HORIZON", ["1", "2", "3"]),
        ("AT_SEQUENCE_NUMBER", ["2", "3"]),
        ("AFTER_SEQUENCE_NUMBER", ["3"]),
        ("AT_TIMESTAMP", ["2", "3"]),
        ("LATEST", []),
    ],
)
def test_where_an_iterator_starts(
    api: Any, clock: SimpleNamespace, kind: str, expected: list[str]
) -> None:
    api.call("CreateStream", ShardCount=1)
    for key in (1, 2, 3):
        api.put(key)
        clock.seconds += 10
    _, answer = api.read(api.iterator(FIRST))
    second = answer["Records"][1]
    position: dict[str, Any] = {}
    if "SEQUENCE" in kind:
        position = {"StartingSequenceNumber": second["SequenceNumber"]}
    elif kind == "AT_TIMESTAMP":
        position = {"Timestamp": second["ApproximateArrivalTimestamp"]}
    at = api.iterator(FIRST, kind, **position)
    api.put(4)
    assert api.read(at)[0] == [*expected, "4"]


@pytest.mark.parametrize(
    "request_",
    [
        {"ShardIteratorType": "AT_TIMESTAMP"},
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "x"},
        {"ShardIteratorType": "SOMEWHERE", "StartingSequenceNumber": "1"},
    ],
)
def test_an_iterator_that_starts_nowhere_is_refused(api: Any, request_: dict[str, str]) -> None:
    api.call("CreateStream", ShardCount=1)
    with pytest.raises(api.refusal, match="InvalidArgumentException"):
        api.call("GetShardIterator", ShardId=FIRST, **request_)


@aws_rule(
    page="Kinesis API reference, GetShardIterator",
    says="an iterator expires after 5 minutes",
    alone="the same",
)
def test_an_iterator_expires_after_five_minutes(api: Any, clock: SimpleNamespace) -> None:
    api.call("CreateStream", ShardCount=1)
    at = api.iterator(FIRST)
    clock.seconds += resharding.ITERATOR_SECONDS
    api.read(at)
    clock.seconds += 1
    with pytest.raises(api.refusal, match="ExpiredIteratorException"):
        api.read(at)


def test_an_iterator_that_aws_never_gave_is_refused(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    with pytest.raises(api.refusal, match="InvalidArgumentException"):
        api.read("AAAA")


@aws_rule(
    page="Kinesis API reference, GetRecords",
    says="a read gives at most 10 MB",
    alone="no limit",
)
def test_a_read_gives_at_most_ten_megabytes(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    for key in range(12):
        api.put(key, size=1_000_000)
    data, answer = api.read(api.iterator(FIRST))
    assert data == [str(key) for key in range(10)]
    assert api.read(answer["NextShardIterator"])[0] == ["10", "11"]


@aws_rule(
    page="Kinesis API reference, GetRecords",
    says="`MillisBehindLatest` tells how far a read is from the tip",
    alone="the same",
)
def test_a_read_says_how_far_behind_it_is(api: Any, clock: SimpleNamespace) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1, 2)
    clock.seconds += 5
    _, answer = api.read(api.iterator(FIRST), Limit=1)
    assert answer["MillisBehindLatest"] == 5000
    _, answer = api.read(answer["NextShardIterator"])
    assert answer["MillisBehindLatest"] == 0
    assert "NextShardIterator" in answer


@aws_rule(
    page="Kinesis API reference, GetRecords",
    says="`NextShardIterator` is null at the end of a closed shard",
    alone="closed shards do not exist",
)
def test_a_closed_shard_has_a_next_iterator_until_it_is_read_to_its_end(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1, 2)
    api.call("SplitShard", ShardToSplit=FIRST, NewStartingHashKey="10")
    _, answer = api.read(api.iterator(FIRST), Limit=1)
    assert "ChildShards" not in answer
    data, answer = api.read(answer["NextShardIterator"], Limit=1)
    assert data == ["2"]
    assert "NextShardIterator" not in answer
    assert [child["ParentShards"] for child in answer["ChildShards"]] == [[FIRST], [FIRST]]


@aws_rule(
    page="Kinesis API reference, ListShards",
    says="`ShardFilter` chooses shards by time or tip",
    alone="ignored",
)
@pytest.mark.parametrize(
    ("shard_filter", "expected"),
    [
        ({"Type": "FROM_TRIM_HORIZON"}, [0, 1, 2, 3, 4]),
        ({"Type": "AT_TRIM_HORIZON"}, [0]),
        ({"Type": "AT_LATEST"}, [1, 3, 4]),
        ({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"}, [3, 4]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": 1_800_000_105.0}, [1, 2]),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": 1_800_000_105.0}, [1, 2, 3, 4]),
    ],
    ids=lambda value: value["Type"] if isinstance(value, dict) else "",
)
def test_shards_are_listed_by_aws_filters(
    api: Any, clock: SimpleNamespace, shard_filter: dict[str, Any], expected: list[int]
) -> None:
    api.call("CreateStream", ShardCount=1)
    clock.seconds += 100
    api.call("SplitShard", ShardToSplit=FIRST, NewStartingHashKey="1000")
    clock.seconds += 10
    api.call("SplitShard", ShardToSplit="shardId-000000000002", NewStartingHashKey="2000")
    found = api.listed(ShardFilter=shard_filter)
    assert [int(shard_id.split("-")[1]) for shard_id in found] == expected


def test_a_list_of_shards_comes_in_pages(api: Any) -> None:
    api.call("CreateStream", ShardCount=5)
    seen: list[str] = []
    page = api.call("ListShards", MaxResults=2)
    while True:
        seen += [shard["ShardId"] for shard in page["Shards"]]
        if "NextToken" not in page:
            break
        page = api.call("ListShards", MaxResults=2, NextToken=page["NextToken"])
    assert seen == sorted(api.listed())
    assert len(seen) == 5


def test_shards_can_be_opened_at_the_very_ends_of_the_range(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.call("SplitShard", ShardToSplit=FIRST, NewStartingHashKey="1")
    last = str(2**128 - 1)
    api.call("SplitShard", ShardToSplit="shardId-000000000002", NewStartingHashKey=last)
    assert sorted(api.opened().values()) == [(0, 0), (1, 2**128 - 2), (2**128 - 1, 2**128 - 1)]
    assert shards.READ_RECORDS_MAX == 10_000

"""Kinesis shards as AWS keeps them, by the emulator's own dispatcher with our replacements."""

import base64
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ministack.services import kinesis

from tests.local_aws import aws_rule

KEYS = 2**128


def shard(number: int) -> str:
    return f"shardId-{number:012d}"


@aws_rule(
    page="Kinesis developer guide, Resharding a stream",
    says="after a split the records of the parent stay readable until they expire",
    alone="deletes the parent with its records",
)
def test_a_split_keeps_the_parents_unread_records(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1, 2, 3)
    api.call("SplitShard", ShardToSplit=shard(0), NewStartingHashKey=str(KEYS // 2))
    assert api.read_to_end(shard(0)) == (["1", "2", "3"], [shard(1), shard(2)])


@aws_rule(
    page="Kinesis developer guide, Resharding a stream",
    says="after a merge the records of both parents stay readable",
    alone="deletes the parents with their records",
)
def test_a_merge_keeps_both_parents_unread_records(api: Any) -> None:
    api.call("CreateStream", ShardCount=2)
    api.put(1, KEYS - 1)
    api.call("MergeShards", ShardToMerge=shard(0), AdjacentShardToMerge=shard(1))
    assert api.read_to_end(shard(0)) == (["1"], [shard(2)])
    assert api.read_to_end(shard(1)) == ([str(KEYS - 1)], [shard(2)])
    child = api.listed()[shard(2)]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (shard(0), shard(1))


@aws_rule(
    page="Kinesis developer guide, Resharding a stream",
    says="a closed shard has an ending sequence number",
    alone="has none",
)
def test_a_closed_shard_has_an_ending_sequence_number_after_its_last_record(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.put(1)
    api.call("SplitShard", ShardToSplit=shard(0), NewStartingHashKey="10")
    parent, child = api.listed()[shard(0)], api.listed()[shard(1)]
    answer = api.call("GetRecords", ShardIterator=api.iterator(shard(0)))
    last = int(answer["Records"][-1]["SequenceNumber"])
    ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert last < ending < int(child["SequenceNumberRange"]["StartingSequenceNumber"])
    assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
    described = api.call("DescribeStream")["StreamDescription"]["Shards"]
    assert described == list(api.listed().values())


@aws_rule(
    page="Kinesis developer guide, Resharding a stream",
    says="data goes to open shards alone",
    alone="goes to any shard",
)
def test_records_go_to_open_shards_alone(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.call("SplitShard", ShardToSplit=shard(0), NewStartingHashKey="10")
    assert api.put(0, 9, 10, KEYS - 1) == [shard(1), shard(1), shard(2), shard(2)]


def test_only_open_shards_are_counted(api: Any) -> None:
    api.call("CreateStream", ShardCount=1)
    api.call("SplitShard", ShardToSplit=shard(0), NewStartingHashKey="10")
    summary = api.call("DescribeStreamSummary")["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("SplitShard", {"ShardToSplit": shard(0), "NewStartingHashKey": "10"}),
        ("SplitShard", {"ShardToSplit": shard(1), "NewStartingHashKey": "0"}),
        ("SplitShard", {"ShardToSplit": shard(2), "NewStartingHashKey": "10"}),
        ("MergeShards", {"ShardToMerge": shard(1), "AdjacentShardToMerge": shard(4)}),
        ("MergeShards", {"ShardToMerge": shard(0), "AdjacentShardToMerge": shard(1)}),
    ],
    ids=["closed", "range's start", "outside", "not adjacent", "merging a closed one"],
)
def test_what_cannot_be_split_or_merged_is_refused(
    api: Any, operation: str, request_: dict[str, str]
) -> None:
    api.call("CreateStream", ShardCount=1)
    api.call("SplitShard", ShardToSplit=shard(0), NewStartingHashKey="1000")
    api.call("SplitShard", ShardToSplit=shard(2), NewStartingHashKey="2000")
    before = api.listed()
    with pytest.raises(api.refusal, match="InvalidArgumentException"):
        api.call(operation, **request_)
    assert api.listed() == before


def test_an_on_demand_stream_starts_with_four_shards_and_is_resharded_by_aws_alone(
    api: Any,
) -> None:
    api.call("CreateStream", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert len(api.opened()) == 4
    with pytest.raises(api.refusal, match="ValidationException"):
        api.call("UpdateShardCount", TargetShardCount=8, ScalingType="UNIFORM_SCALING")


@aws_rule(
    page="Kinesis API reference, UpdateShardCount",
    says="uniform scaling keeps every record",
    alone="rebuilds all shards empty",
)
@pytest.mark.parametrize("target", [2, 8, 3, 5, 4])
def test_a_new_shard_count_divides_the_keys_evenly_and_keeps_every_record(
    api: Any, target: int
) -> None:
    api.call("CreateStream", ShardCount=4)
    keys = [KEYS // 16 * i for i in range(16)]
    api.put(*keys)
    api.call("UpdateShardCount", TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    expected = [(int(low), int(high)) for low, high in kinesis._compute_hash_ranges(target)]
    assert sorted(api.opened().values()) == expected
    kept = []
    for shard_id, described in api.listed().items():
        if "EndingSequenceNumber" in described["SequenceNumberRange"]:
            kept += api.read_to_end(shard_id)[0]
        else:
            read = api.call("GetRecords", ShardIterator=api.iterator(shard_id))
            kept += [base64.b64decode(record["Data"]).decode() for record in read["Records"]]
    assert sorted(map(int, kept)) == keys


@aws_rule(
    page="Kinesis API reference, UpdateShardCount",
    says="at most double and at least half of the present count",
    alone="accepted",
)
@pytest.mark.parametrize("target", [0, 1, 9])
def test_a_shard_count_over_double_or_under_half_is_refused(api: Any, target: int) -> None:
    api.call("CreateStream", ShardCount=4)
    with pytest.raises(api.refusal, match="LimitExceededException"):
        api.call("UpdateShardCount", TargetShardCount=target, ScalingType="UNIFORM_SCALING")


@given(st.lists(st.tuples(st.sampled_from(["split", "merge", "resize"]), st.integers(0, 99))))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_open_shards_always_cover_every_key_once(api: Any, steps: list[tuple[str, int]]) -> None:
    kinesis.reset()
    api.call("CreateStream", ShardCount=2)
    for kind, pick in steps[:8]:
        ranges = sorted(api.opened().items(), key=lambda item: item[1])
        at = pick % len(ranges)
        shard_id, (low, high) = ranges[at]
        if kind == "split":
            api.call(
                "SplitShard", ShardToSplit=shard_id, NewStartingHashKey=str((low + high + 1) // 2)
            )
        elif kind == "resize":
            api.call(
                "UpdateShardCount", TargetShardCount=min(len(ranges) + pick % 2, 2 * len(ranges))
            )
        elif at:
            api.call("MergeShards", ShardToMerge=ranges[at - 1][0], AdjacentShardToMerge=shard_id)
        covered = sorted(api.opened().values())
        assert (covered[0][0], covered[-1][1]) == (0, KEYS - 1)
        assert all(one[1] + 1 == two[0] for one, two in pairwise(covered))

"""A stream changes between provisioned and on-demand with all that it holds."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws import aws_rule


def summary(lab: Any, name: str) -> dict[str, Any]:
    answer = lab.client("kinesis").describe_stream_summary(StreamName=name)
    described: dict[str, Any] = answer["StreamDescriptionSummary"]
    return described


@aws_rule(
    page="Kinesis developer guide, Switch between data stream capacity modes",
    says="a change of the mode keeps shards and records",
    alone="an unknown operation",
)
def test_a_change_of_the_mode_keeps_shards_and_records(lab: Any) -> None:
    arn = lab.stream("modes", shards=2)
    lab.put("modes", "before")
    kinesis = lab.client("kinesis")
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert summary(lab, "modes")["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary(lab, "modes")["OpenShardCount"] == 2
    found = []
    for shard in kinesis.list_shards(StreamName="modes")["Shards"]:
        opened = kinesis.get_shard_iterator(
            StreamName="modes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        read = kinesis.get_records(ShardIterator=opened["ShardIterator"])
        found += [record["Data"] for record in read["Records"]]
    assert found == [b"before"]


@aws_rule(
    page="Kinesis developer guide, Switch between data stream capacity modes",
    says="AWS alone changes the shards of a stream on demand",
    alone="an unknown operation",
)
def test_a_stream_on_demand_is_not_resharded_by_hand(lab: Any) -> None:
    arn = lab.stream("by-hand")
    kinesis = lab.client("kinesis")
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    with pytest.raises(ClientError, match="on demand"):
        kinesis.update_shard_count(
            StreamName="by-hand", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
        )
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    kinesis.update_shard_count(
        StreamName="by-hand", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    assert summary(lab, "by-hand")["OpenShardCount"] == 2


def test_a_stream_that_is_not_there_is_refused(lab: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        lab.client("kinesis").update_stream_mode(
            StreamARN="arn:aws:kinesis:us-east-1:000000000000:stream/gone",
            StreamModeDetails={"StreamMode": "ON_DEMAND"},
        )

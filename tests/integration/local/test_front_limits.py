"""The front before a real emulator: its limits are AWS's."""

import json
import time
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.front.control import Front
from tests.integration.local.calls import THROTTLED, code_of, once, read_all, records
from tests.local_aws import aws_rule
from tests.waiting import until

MIB = 1024 * 1024
PLAIN = """
def handler(event, context):
    return len(str(event))
"""


@aws_rule(
    page="Lambda developer guide, Lambda quotas",
    says="the payload of a synchronous invocation has at most 6 MB",
    alone="takes any size",
)
def test_a_payload_over_six_megabytes_is_refused_and_one_of_six_passes(lab: Any) -> None:
    lab.deploy("payload", PLAIN)
    client = once(lab, "lambda")
    largest = json.dumps("x" * (6 * MIB - 2))
    answer = client.invoke(FunctionName="payload", Payload=largest)
    assert json.loads(answer["Payload"].read()) == 6 * MIB - 2
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName="payload", Payload=largest + " ")
    assert code_of(refused) == (413, "RequestTooLargeException")


@aws_rule(
    page="Lambda developer guide, Lambda quotas",
    says="the payload of an asynchronous invocation has at most 1 MB",
    alone="takes any size",
)
def test_a_payload_of_an_event_has_at_most_one_megabyte(lab: Any) -> None:
    lab.deploy("event", PLAIN)
    with pytest.raises(ClientError) as refused:
        once(lab, "lambda").invoke(
            FunctionName="event", InvocationType="Event", Payload=json.dumps("x" * MIB)
        )
    assert code_of(refused) == (413, "RequestTooLargeException")


@aws_rule(
    page="Kinesis API reference, PutRecords",
    says="a record has at most 1 MiB unless its stream allows more, its partition key included",
    alone="counts the data alone, and allows no stream more",
    here="the key is counted; no stream is allowed more",
)
def test_a_record_of_one_mebibyte_with_its_key_passes_and_no_more(lab: Any) -> None:
    lab.stream("record-size")
    client = once(lab, "kinesis")
    client.put_records(StreamName="record-size", Records=records(1, b"x" * (MIB - 1)))
    with pytest.raises(ClientError) as refused:
        client.put_records(StreamName="record-size", Records=records(1, b"x" * MIB))
    assert code_of(refused) == (400, "InvalidArgumentException")
    with pytest.raises(ClientError) as refused:
        client.put_record(StreamName="record-size", Data=b"x" * MIB, PartitionKey="k")
    assert code_of(refused) == (400, "InvalidArgumentException")


@aws_rule(
    page="Kinesis API reference, PutRecords",
    says="a request has at most 500 records and 10 MiB",
    alone="500 records and 5 MiB, the quota until 2025",
    here="as the emulator",
)
def test_a_request_has_at_most_five_hundred_records_and_a_few_megabytes(lab: Any) -> None:
    lab.stream("request-size")
    client = once(lab, "kinesis")
    for wanted in (records(501), records(11, b"x" * 1_000_000)):
        with pytest.raises(ClientError) as refused:
            client.put_records(StreamName="request-size", Records=wanted)
        assert code_of(refused) == (400, "ValidationException")


@aws_rule(
    page="DynamoDB API reference, TransactWriteItems",
    says="a transaction has at most 100 actions and 4 MB, an item at most 400 KB",
    alone="the same, a transaction's bytes counted as JSON",
    here="as the emulator",
)
def test_a_transaction_has_at_most_a_hundred_actions_and_four_megabytes(lab: Any) -> None:
    client = once(lab, "dynamodb")
    client.create_table(
        TableName="sizes",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def write(count: int, size: int) -> None:
        items = [{"id": {"S": str(n)}, "v": {"S": "x" * size}} for n in range(count)]
        client.transact_write_items(
            TransactItems=[{"Put": {"TableName": "sizes", "Item": item}} for item in items]
        )

    write(100, 10)
    for count, size in ((101, 10), (12, 390 * 1024), (1, 400 * 1024)):
        with pytest.raises(ClientError) as refused:
            write(count, size)
        assert code_of(refused)[1] in ("ValidationException", "TransactionCanceledException")


@aws_rule(
    page="Kinesis developer guide, Quotas and limits",
    says="a shard takes 1,000 records and 1 MB a second; what is over fails record by record",
    alone="no limit",
)
def test_a_shard_takes_a_thousand_records_a_second_and_says_which_it_took(
    lab: Any, front: Front
) -> None:
    lab.stream("narrow")
    client = once(lab, "kinesis")
    front.limits(True)
    began, accepted = time.monotonic(), []
    for batch in range(6):
        wanted = [{**one, "PartitionKey": f"{batch}-{n}"} for n, one in enumerate(records(400))]
        answer = client.put_records(StreamName="narrow", Records=wanted)
        entries = answer["Records"]
        failed = [entry for entry in entries if "ErrorCode" in entry]
        assert (len(entries), len(failed)) == (400, answer["FailedRecordCount"])
        assert {entry["ErrorCode"] for entry in failed} <= {THROTTLED}
        accepted += [
            record["PartitionKey"]
            for record, entry in zip(wanted, entries, strict=True)
            if "ErrorCode" not in entry
        ]
    elapsed = time.monotonic() - began
    assert 1_000 <= len(accepted) <= 1_000 * (1 + elapsed)
    (shard,) = [written for written in front.written() if written.stream == "narrow"]
    assert (shard.records, shard.refused) == (len(accepted), 2_400 - len(accepted))
    front.limits(False)
    assert read_all(lab, "narrow") == accepted


def test_a_call_that_makes_no_sense_is_the_emulators_to_refuse(lab: Any, front: Front) -> None:
    client = once(lab, "kinesis")
    front.limits(True)
    with pytest.raises(ClientError) as refused:
        client.put_records(StreamName="nowhere", Records=records(1))
    assert code_of(refused) == (400, "ResourceNotFoundException")
    with pytest.raises(ClientError) as refused:
        client.get_records(ShardIterator="nonsense")
    assert code_of(refused) == (400, "InvalidArgumentException")


@aws_rule(
    page="Kinesis API reference, PutRecord",
    says="a record over its shard's limit is refused with ProvisionedThroughputExceededException",
    alone="no limit",
)
def test_a_single_record_over_the_limit_is_refused(lab: Any, front: Front) -> None:
    lab.stream("single")
    client = once(lab, "kinesis")
    front.limits(True)
    put = partial(client.put_record, StreamName="single", Data=b"x" * 900_000, PartitionKey="k")
    with pytest.raises(ClientError) as refused:
        until(lambda: not put())
    assert code_of(refused) == (400, THROTTLED)


def test_after_a_split_each_child_has_a_shards_limits(lab: Any, front: Front) -> None:
    lab.stream("split")
    client = once(lab, "kinesis")
    front.limits(True)
    put = partial(client.put_records, StreamName="split", Records=records(500))
    until(lambda: put()["FailedRecordCount"])
    client.update_shard_count(StreamName="split", TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    for _ in range(3):
        assert put()["FailedRecordCount"] == 0
    assert len([one for one in front.written() if one.stream == "split"]) == 3


@aws_rule(
    page="Kinesis developer guide, Quotas and limits",
    says="a shard is read five times and by 2 MB a second, all its readers together",
    alone="no limit",
)
def test_a_shard_is_read_five_times_a_second(lab: Any, front: Front) -> None:
    lab.stream("read")
    client = once(lab, "kinesis")
    client.put_records(StreamName="read", Records=records(5, b"x" * 1_000_000))
    front.limits(True)
    iterator = client.get_shard_iterator(
        StreamName="read", ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]
    for _ in range(5):
        client.get_records(ShardIterator=iterator)
    with pytest.raises(ClientError) as refused:
        until(lambda: not client.get_records(ShardIterator=iterator))
    assert code_of(refused) == (400, THROTTLED)


def test_after_a_large_read_the_shard_rests(lab: Any, front: Front) -> None:
    lab.stream("rest")
    client = once(lab, "kinesis")
    client.put_records(StreamName="rest", Records=records(5, b"x" * 1_000_000))
    front.limits(True)
    iterator = client.get_shard_iterator(
        StreamName="rest", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert len(client.get_records(ShardIterator=iterator)["Records"]) == 5
    with pytest.raises(ClientError) as refused:
        client.get_records(ShardIterator=iterator)
    assert code_of(refused) == (400, THROTTLED)


@aws_rule(
    page="Kinesis developer guide, Quotas and limits",
    says="DescribeStream is served ten times a second, others at their own rates",
    alone="no limit",
)
def test_the_control_plane_has_rates(lab: Any, front: Front) -> None:
    lab.stream("described")
    client = once(lab, "kinesis")
    front.limits(True)
    with pytest.raises(ClientError) as refused:
        until(lambda: not client.describe_stream(StreamName="described"), meanwhile=lambda: None)
    assert code_of(refused) == (400, "LimitExceededException")


def test_a_mapping_delivers_everything_in_order_under_the_limits(lab: Any, front: Front) -> None:
    front.limits(True)
    lab.deploy("limited")
    lab.stream("limited")
    lab.map("limited", BatchSize=50)
    data = [f"{number:04d}" for number in range(400)]
    lab.put("limited", *data)
    lab.wait_for(lambda: lab.delivered("limited") == data)

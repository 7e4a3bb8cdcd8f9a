"""What the on-failure destinations get of records that a mapping gives up."""

import json
import re
from typing import Any

from tests.local_aws import aws_rule

FAIL = """
def handler(event, context):
    if "poison" in note(event):
        raise ValueError("poison")
"""
GIVE_UP = {"MaximumRetryAttempts": 1, "BatchSize": 2}


def destination(arn: str) -> dict[str, Any]:
    return {"OnFailure": {"Destination": arn}}


def queue(lab: Any, name: str) -> tuple[str, str]:
    """Create a queue; return its URL and ARN."""
    url = lab.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{lab.aws.region}:000000000000:{name}"


def received(lab: Any, url: str) -> dict[str, Any]:
    """Return the first message of a queue."""
    take = lab.client("sqs").receive_message
    (message,) = lab.wait_for(lambda: take(QueueUrl=url).get("Messages"))
    body: dict[str, Any] = json.loads(message["Body"])
    return body


@aws_rule(
    page="Lambda developer guide, Retain discarded batch records",
    says="an S3 destination gets the invocation record with its payload, under `aws/lambda/...`",
    alone="no destination for Kinesis",
)
def test_s3_gets_the_whole_record_with_its_payload_under_aws_key(lab: Any) -> None:
    function_arn = lab.deploy("to-s3", FAIL)
    stream_arn = lab.stream("to-s3")
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="failures")
    uuid = lab.map("to-s3", DestinationConfig=destination("arn:aws:s3:::failures"), **GIVE_UP)
    lab.put("to-s3", "good", "poison", "better")
    (listed,) = lab.wait_for(lambda: s3.list_objects_v2(Bucket="failures").get("Contents"))
    assert re.fullmatch(
        rf"aws/lambda/{uuid}/shardId-000000000000/\d{{4}}/\d\d/\d\d/"
        r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}",
        listed["Key"],
    )
    record = json.loads(s3.get_object(Bucket="failures", Key=listed["Key"])["Body"].read())
    lab.wait_for(lambda: "better" in lab.delivered("to-s3"))
    attempts = lab.invocations("to-s3")
    first, second = (one["kinesis"] for one in attempts[0]["event"]["Records"])
    info = record["KinesisBatchInfo"]
    assert json.loads(record["payload"]) == attempts[0]["event"]
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestContext"]["functionArn"] == function_arn
    assert (info["shardId"], info["streamArn"]) == ("shardId-000000000000", stream_arn)
    assert info["startSequenceNumber"] == first["sequenceNumber"]
    assert info["endSequenceNumber"] == second["sequenceNumber"]
    assert info["batchSize"] == 2
    assert [one["data"] for one in attempts] == [["good", "poison"]] * 2 + [["better"]]


@aws_rule(
    page="Lambda developer guide, Retain discarded batch records",
    says="an SQS destination gets metadata without records",
    alone="no destination for Kinesis",
)
def test_sqs_gets_the_metadata_alone(lab: Any) -> None:
    lab.deploy("to-sqs", FAIL)
    lab.stream("to-sqs")
    url, arn = queue(lab, "failures")
    lab.map("to-sqs", DestinationConfig=destination(arn), **GIVE_UP)
    lab.put("to-sqs", "poison")
    record = received(lab, url)
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in record


@aws_rule(
    page="Lambda developer guide, Retain discarded batch records",
    says="an SNS destination gets metadata without records",
    alone="no destination for Kinesis",
)
def test_sns_gets_the_metadata_alone(lab: Any) -> None:
    lab.deploy("to-sns", FAIL)
    lab.stream("to-sns")
    url, queue_arn = queue(lab, "subscriber")
    sns = lab.client("sns")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    lab.map("to-sns", DestinationConfig=destination(topic), **GIVE_UP)
    lab.put("to-sns", "poison")
    record = json.loads(received(lab, url)["Message"])
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in record


def test_nothing_is_lost_while_the_destination_cannot_be_reached(lab: Any) -> None:
    lab.deploy("late", FAIL)
    lab.stream("late")
    lab.map("late", DestinationConfig=destination("arn:aws:s3:::late"), **GIVE_UP)
    lab.put("late", "poison")
    lab.wait_for(lambda: len(lab.invocations("late")) == 2)
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="late")
    lab.wait_for(lambda: s3.list_objects_v2(Bucket="late").get("Contents"))
    assert len(lab.invocations("late")) == 2

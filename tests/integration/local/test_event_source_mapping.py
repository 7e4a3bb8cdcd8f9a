"""Lambda's event source mapping on the local AWS, with real functions in real processes."""

import base64
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.local_aws import aws_rule

FAIL_TWICE = """
from itertools import count
calls = count(1)

def handler(event, context):
    note(event)
    if next(calls) <= 2:
        raise ValueError("not yet")
"""
MEET = """
def handler(event, context):
    note(event)
    limit = time.time() + 60
    while len(list(OUT.glob("*.json"))) < 2:
        if time.time() > limit:
            raise TimeoutError("the other shard is not delivered meanwhile")
        time.sleep(0.01)
"""
HANG_FIRST = """
def handler(event, context):
    first = not list(OUT.glob("*.json"))
    note(event)
    if first:
        time.sleep(60)
"""
WHO_AM_I = """
import sys

def handler(event, context):
    note({"Records": event["Records"], "arn": context.invoked_function_arn,
          "endpoint": os.environ["AWS_ENDPOINT_URL"], "python": sys.executable})
"""


@aws_rule(
    page="Lambda developer guide, Using Lambda to process records from Amazon Kinesis Data Streams",
    says="the event of a batch has these fields",
    alone="with a role of its own making",
)
def test_a_function_gets_the_event_in_the_shape_that_aws_documents(lab: Any) -> None:
    lab.deploy("shape")
    stream_arn = lab.stream("shape")
    lab.map("shape")
    key = 'a "key", \u00e9'
    put = lab.client("kinesis").put_record(StreamName="shape", Data=b"data", PartitionKey=key)
    (invocation,) = lab.wait_for(lambda: lab.invocations("shape"))
    (record,) = invocation["event"]["Records"]
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert abs(arrival - datetime.now(UTC).timestamp()) < 60
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": put["SequenceNumber"],
            "data": base64.b64encode(b"data").decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{put['ShardId']}:{put['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/r",
        "awsRegion": "us-east-1",
        "eventSourceARN": stream_arn,
    }


def test_shards_are_delivered_side_by_side(lab: Any) -> None:
    lab.deploy("meet", MEET, timeout=120)
    lab.stream("meet", shards=2)
    lab.map("meet")
    lab.put("meet", *map(str, range(20)))
    lab.wait_for(lambda: len(lab.delivered("meet")) >= 20)
    first, second = lab.invocations("meet")[:2]
    assert first["shard"] != second["shard"]
    assert first["pid"] != second["pid"]
    assert len(lab.delivered("meet")) == 20


def test_an_exception_leaves_the_worker_warm_for_the_retry(lab: Any) -> None:
    lab.deploy("warm", FAIL_TWICE)
    lab.stream("warm")
    lab.map("warm")
    lab.put("warm", "one")
    lab.wait_for(lambda: len(lab.invocations("warm")) == 3)
    assert len({invocation["pid"] for invocation in lab.invocations("warm")}) == 1


def test_a_batch_whose_worker_is_killed_is_delivered_again(lab: Any) -> None:
    lab.deploy("killed", HANG_FIRST, timeout=120)
    lab.stream("killed")
    lab.map("killed", MaximumRetryAttempts=1)
    lab.put("killed", "one", "two")
    (first,) = lab.wait_for(lambda: lab.invocations("killed"))
    assert first["pid"] in lab.aws.worker_pids()
    os.kill(first["pid"], signal.SIGKILL)
    lab.wait_for(lambda: len(lab.invocations("killed")) == 2)
    assert lab.invocations("killed")[1]["data"] == first["data"]
    lab.put("killed", "three")
    lab.wait_for(lambda: "three" in lab.delivered("killed"))


@aws_rule(
    page="Lambda developer guide, Configure Lambda function timeout",
    says="a function over its time-out is ended, its batch fails",
    alone="the same",
)
def test_a_function_over_its_timeout_is_ended_and_its_batch_delivered_again(lab: Any) -> None:
    lab.deploy("slow", HANG_FIRST, timeout=3)
    lab.stream("slow")
    lab.map("slow")
    lab.put("slow", "one")
    lab.wait_for(lambda: lab.delivered("slow") == ["one", "one"])
    assert lab.invocations("slow")[0]["pid"] not in lab.aws.worker_pids()


def test_throttling_uses_up_no_retry(lab: Any) -> None:
    lab.deploy("throttled")
    lab.stream("throttled")
    lambda_ = lab.client("lambda")
    lambda_.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    lab.map("throttled", MaximumRetryAttempts=0)
    lab.put("throttled", "one")
    lab.wait_for(lambda: lab.mapping_log().count("function:throttled could not be invoked") > 2)
    lambda_.delete_function_concurrency(FunctionName="throttled")
    lab.wait_for(lambda: lab.delivered("throttled") == ["one"])


def test_a_stream_made_again_under_the_same_name_is_delivered_again(lab: Any) -> None:
    lab.deploy("again")
    lab.stream("again")
    lab.map("again")
    lab.put("again", "one")
    lab.wait_for(lambda: lab.delivered("again") == ["one"])
    lab.client("kinesis").delete_stream(StreamName="again")
    lab.wait_for(lambda: "stream/again not found" in lab.mapping_log())
    lab.stream("again")
    lab.put("again", "two")
    lab.wait_for(lambda: lab.delivered("again") == ["one", "two"])


def test_a_disabled_mapping_delivers_nothing_and_goes_on_where_it_stopped(lab: Any) -> None:
    lab.deploy("pause")
    lab.stream("pause")
    uuid = lab.map("pause")
    lab.put("pause", "one")
    lab.wait_for(lambda: lab.delivered("pause") == ["one"])
    lambda_ = lab.client("lambda")
    lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    lab.deploy("witness")
    lab.map("pause", "witness")
    lab.wait_for(lambda: lab.delivered("witness") == ["one"])
    lab.put("pause", "two")
    lab.wait_for(lambda: lab.delivered("witness") == ["one", "two"])
    assert lab.delivered("pause") == ["one"]
    lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
    lab.wait_for(lambda: lab.delivered("pause") == ["one", "two"])


def test_changed_settings_are_taken_up(lab: Any) -> None:
    lab.deploy("resize")
    lab.stream("resize")
    uuid = lab.map("resize", BatchSize=1)
    lab.put("resize", "one", "two")
    lab.wait_for(lambda: len(lab.invocations("resize")) == 2)
    update = lab.client("lambda").update_event_source_mapping
    update(UUID=uuid, BatchSize=10, MaximumBatchingWindowInSeconds=1)
    for number in range(200):
        lab.put("resize", f"a{number}", f"b{number}")
        if any(len(invocation["data"]) > 1 for invocation in lab.invocations("resize")):
            break

    def largest() -> int:
        return max(len(invocation["data"]) for invocation in lab.invocations("resize"))

    lab.wait_for(lambda: largest() > 1)
    assert largest() <= 10


def test_where_a_mapping_starts(lab: Any) -> None:
    lab.stream("start")
    lab.put("start", "old")
    moment = datetime.now(UTC) + timedelta(seconds=0.05)
    lab.wait_for(lambda: datetime.now(UTC) > moment)
    lab.put("start", "new")
    for name, settings in {
        "from-start": {"StartingPosition": "TRIM_HORIZON"},
        "from-moment": {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": moment},
    }.items():
        lab.deploy(name)
        lab.map("start", name, **settings)
    lab.wait_for(lambda: lab.delivered("from-start") == ["old", "new"])
    lab.wait_for(lambda: lab.delivered("from-moment") == ["new"])


@aws_rule(
    page="Lambda developer guide, Lambda parameters for Amazon Kinesis Data Streams",
    says="`LATEST` starts at the tip when the mapping is made",
    alone="a shard that appears later is read from its end as well",
)
def test_latest_skips_what_came_before_the_mapping_and_nothing_after_it(lab: Any) -> None:
    lab.stream("latest")
    lab.put("latest", "before")
    lab.deploy("latest")
    lab.map("latest", StartingPosition="LATEST")
    for number in range(10_000):
        lab.put("latest", str(number))
        if lab.invocations("latest"):
            break
    lab.put("latest", "last")
    lab.wait_for(lambda: "last" in lab.delivered("latest"))
    delivered = lab.delivered("latest")
    first = int(delivered[0])
    assert delivered == [*map(str, range(first, first + len(delivered) - 1)), "last"]


def test_an_alias_is_invoked_and_the_function_calls_this_aws_with_this_python(lab: Any) -> None:
    lab.deploy("aliased", WHO_AM_I)
    lambda_ = lab.client("lambda")
    version = lambda_.publish_version(FunctionName="aliased")["Version"]
    alias = lambda_.create_alias(FunctionName="aliased", Name="live", FunctionVersion=version)
    lab.stream("aliased")
    lab.map("aliased", alias["AliasArn"])
    lab.put("aliased", "one")
    (invocation,) = lab.wait_for(lambda: lab.invocations("aliased"))
    assert invocation["event"]["arn"] == alias["AliasArn"]
    assert invocation["event"]["endpoint"] == lab.aws.endpoint
    assert invocation["event"]["python"].startswith(os.environ.get("VIRTUAL_ENV", "/"))


def test_the_age_of_what_is_delivered_is_published_as_lambda_does(lab: Any) -> None:
    lab.deploy("aged")
    lab.stream("aged")
    lab.put("aged", "one")
    lab.map("aged")

    def published() -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        statistics: list[dict[str, Any]] = lab.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="IteratorAge",
            Dimensions=[{"Name": "FunctionName", "Value": "aged"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return statistics

    (datapoint,) = lab.wait_for(published)
    assert 0 < datapoint["Maximum"] < 60_000
    assert datapoint["Unit"] == "Milliseconds"

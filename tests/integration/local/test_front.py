"""The front before a real emulator: it passes everything on, but for the faults asked for."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from infra.local.front.control import Front
from infra.local.front.faults import Fault
from tests.integration.local.calls import THROTTLED, code_of, once, read_all, records
from tests.local_aws import aws_rule


def test_nobody_but_this_machine_reaches_the_front(lab: Any) -> None:
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("needs /proc to see who listens where")
    rows = [line.split() for line in listening.read_text().splitlines()[1:]]
    opened = [str(fd.readlink()) for fd in Path(f"/proc/{lab.aws.front_pid}/fd").iterdir()]
    mine = [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in opened]
    assert [row[1].partition(":")[0] for row in mine] == ["0100007F"]


def test_functions_are_told_the_fronts_address(lab: Any) -> None:
    lab.deploy(
        "told", "\ndef handler(event, context):\n    return os.environ['AWS_ENDPOINT_URL']\n"
    )
    answer = once(lab, "lambda").invoke(FunctionName="told")
    assert json.loads(answer["Payload"].read()) == lab.aws.endpoint


def test_five_megabytes_of_records_an_object_of_ten_and_its_head_pass(lab: Any) -> None:
    lab.stream("large")
    kinesis, s3 = once(lab, "kinesis"), once(lab, "s3")
    answer = kinesis.put_records(StreamName="large", Records=records(5, b"x" * 1_000_000))
    assert answer["FailedRecordCount"] == 0
    body = bytes(range(256)) * 40 * 1024
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="a b/c", Body=body)
    assert s3.head_object(Bucket="large", Key="a b/c")["ContentLength"] == len(body)
    assert s3.get_object(Bucket="large", Key="a b/c")["Body"].read() == body


@pytest.mark.parametrize(
    ("kind", "stored"), [("throttle", False), ("error", False), ("reset", False)]
)
def test_a_fault_before_the_effect_stores_nothing(
    lab: Any, front: Front, kind: Any, stored: bool
) -> None:
    s3 = once(lab, "s3")
    s3.create_bucket(Bucket=f"before-{kind}")
    front.inject([Fault(service="s3", operation="PutObject", kind=kind, key_prefix="hit/")])
    expected = {"throttle": (503, "SlowDown"), "error": (500, "InternalError")}
    with pytest.raises((ClientError, ConnectionClosedError)) as refused:
        s3.put_object(Bucket=f"before-{kind}", Key="hit/a", Body=b"x" * 1_000_000)
    if kind in expected:
        assert code_of(refused) == expected[kind]  # type: ignore[arg-type]
    s3.put_object(Bucket=f"before-{kind}", Key="missed/a", Body=b"x")
    listed = s3.list_objects_v2(Bucket=f"before-{kind}")["Contents"]
    assert [one["Key"] for one in listed] == ["missed/a"]
    assert front.observed()["s3", "PutObject", kind] == 1


def test_an_answer_is_lost_after_its_effect(lab: Any, front: Front) -> None:
    lab.stream("lost")
    client = once(lab, "kinesis")
    front.inject([Fault(service="kinesis", operation="PutRecords", kind="lost_answer")])
    with pytest.raises(ConnectionClosedError):
        client.put_records(StreamName="lost", Records=records(3))
    front.clear()
    assert read_all(lab, "lost") == ["0", "1", "2"]


def test_a_lost_answer_under_limits_still_keeps_them(lab: Any, front: Front) -> None:
    lab.stream("lost-limited")
    client = once(lab, "kinesis")
    front.limits(True)
    front.inject([Fault(service="kinesis", operation="PutRecords", kind="lost_answer")])

    def refused() -> bool:
        with pytest.raises(ConnectionClosedError):
            client.put_records(StreamName="lost-limited", Records=records(500))
        [shard] = [one for one in front.written() if one.stream == "lost-limited"]
        return bool(shard.refused)

    lab.wait_for(refused)
    [shard] = [one for one in front.written() if one.stream == "lost-limited"]
    front.clear()
    front.limits(False)
    assert len(read_all(lab, "lost-limited")) == shard.records


def test_a_call_is_late_by_what_was_asked(lab: Any, front: Front) -> None:
    front.inject([Fault(service="dynamodb", kind="latency", latency_ms=300, count_max=1)])
    client = once(lab, "dynamodb")
    began = time.monotonic()
    client.list_tables()
    assert time.monotonic() - began >= 0.3
    assert front.observed()["dynamodb", "ListTables", "latency"] == 1


def test_faults_that_were_cleared_are_no_more(lab: Any, front: Front) -> None:
    front.inject([Fault(service="kinesis", kind="throttle")])
    with pytest.raises(ClientError) as refused:
        once(lab, "kinesis").list_streams()
    assert code_of(refused) == (400, THROTTLED)
    front.clear()
    once(lab, "kinesis").list_streams()


@aws_rule(
    page="Kinesis developer guide, Monitoring the Amazon Kinesis Data Streams Service",
    says="refused records and reads are counted by stream, throttles by table and function",
    alone="none of these metrics",
)
def test_throttles_are_counted_in_awss_own_metrics(lab: Any, front: Front) -> None:
    lab.stream("counted")
    front.inject(
        [
            Fault(service="kinesis", operation="PutRecords", kind="throttle"),
            Fault(service="dynamodb", operation="PutItem", kind="throttle"),
            Fault(service="lambda", operation="Invoke", kind="throttle"),
        ]
    )
    calls: tuple[Callable[[], Any], ...] = (
        lambda: once(lab, "kinesis").put_records(StreamName="counted", Records=records(1)),
        lambda: once(lab, "dynamodb").put_item(TableName="counted", Item={"id": {"S": "1"}}),
        lambda: once(lab, "lambda").invoke(FunctionName="counted"),
    )
    for call in calls:
        with pytest.raises(ClientError):
            call()
    front.clear()
    wanted = {
        ("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName"),
        ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"),
        ("AWS/Lambda", "Throttles", "FunctionName"),
    }

    def summed(namespace: str, metric: str, dimension: str) -> float:
        points = lab.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": dimension, "Value": "counted"}],
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    lab.wait_for(lambda: all(summed(*one) == 1.0 for one in wanted))

"""A real local AWS, and functions that write down each of their invocations in a folder."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from infra.local import supervisor
from infra.local.front.control import Front
from infra.local.supervisor import LocalAws, Pace
from tests.embedded_aws import where
from tests.waiting import until

Found = TypeVar("Found")
WAIT_SECONDS_MAX = 120.0
ACCOUNT = "000000000000"
# An alarm that any period may trip.
PATIENT = {"EvaluationPeriods": 1, "Threshold": 1.0, "Period": 60}
COMPARISON = {"ComparisonOperator": "GreaterThanThreshold"}
RECORDER = """
import base64, json, os, time, uuid
from pathlib import Path

OUT = Path(os.environ["OUT"])

def note(event):
    records = event["Records"]
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]
    shard = records[0]["eventID"].split(":")[0]
    noted = {"at": time.time(), "pid": os.getpid(), "shard": shard, "data": data, "event": event}
    path = OUT / f"{time.time_ns()}-{uuid.uuid4()}.part"
    path.write_text(json.dumps(noted))
    path.rename(path.with_suffix(".json"))
    return data

"""
PLAIN = """
def handler(event, context):
    note(event)
"""


class Lab:
    """One local AWS with what a test of a mapping needs: functions, streams, waiting."""

    plain = PLAIN

    def __init__(self, aws: LocalAws, folder: Path, state_dir: Path) -> None:
        self.aws = aws
        self._folder = folder
        self._state_dir = state_dir
        self.client: Callable[[str], Any] = cache(partial(boto3.client, **where(aws)))

    def wait_for(self, look: Callable[[], Found]) -> Found:
        """Return what `look` finds, as soon as it is true."""
        return until(look, seconds_max=WAIT_SECONDS_MAX)

    def mapping_log(self) -> str:
        """Return what the mapping's poller logged."""
        return (self._state_dir / "mapping.log").read_text()

    def out(self, name: str) -> Path:
        """Return the folder in which a function writes."""
        return self._folder / name

    def deploy(self, name: str, code: str = PLAIN, *, role: str = "r", timeout: int = 20) -> str:
        """Create a function of this code; return its ARN."""
        self.out(name).mkdir()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("f.py", RECORDER + code)
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            Handler="f.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=timeout,
            Environment={"Variables": {"OUT": str(self.out(name))}},
        )
        return str(created["FunctionArn"])

    def stream(self, name: str, shards: int = 1) -> str:
        """Create a stream; return its ARN."""
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        return f"arn:aws:kinesis:{self.aws.region}:{ACCOUNT}:stream/{name}"

    def map(self, name: str, function: str | None = None, **settings: Any) -> str:
        """Map the stream to the function (of the same name); return the mapping's id."""
        created = self.client("lambda").create_event_source_mapping(
            EventSourceArn=f"arn:aws:kinesis:{self.aws.region}:{ACCOUNT}:stream/{name}",
            FunctionName=function or name,
            **{"StartingPosition": "TRIM_HORIZON", **settings},
        )
        return str(created["UUID"])

    def put(self, name: str, *data: str) -> None:
        """Put records, each under its data as the key."""
        records = [{"Data": one.encode(), "PartitionKey": one} for one in data]
        answer = self.client("kinesis").put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0

    def invocations(self, name: str) -> list[dict[str, Any]]:
        """Return what a function wrote down of each of its invocations, oldest first."""
        return [json.loads(path.read_text()) for path in sorted(self.out(name).glob("*.json"))]

    def delivered(self, name: str) -> list[str]:
        """Return the data that a function got, in the order in which it got it."""
        return [one for invocation in self.invocations(name) for one in invocation["data"]]


class Watch:
    """CloudWatch of a local AWS: metrics in, states and messages out."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.client = lab.client("cloudwatch")

    def put(self, name: str, *values: float, **dimensions: str) -> None:
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        data = [{"MetricName": name, "Value": value, "Dimensions": listed} for value in values]
        self.client.put_metric_data(Namespace="Test", MetricData=data)

    def alarm(self, name: str, **settings: Any) -> None:
        self.client.put_metric_alarm(AlarmName=name, **{**PATIENT, **COMPARISON, **settings})

    def described(self, name: str) -> dict[str, Any]:
        types = ["MetricAlarm", "CompositeAlarm"]
        answer = self.client.describe_alarms(AlarmNames=[name], AlarmTypes=types)
        [alarm] = answer["MetricAlarms"] + answer["CompositeAlarms"]
        return dict(alarm)

    def changes(self, name: str) -> set[str]:
        """Return what the history says of each change of an alarm's state."""
        answer = self.client.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
        return {item["HistorySummary"] for item in answer["AlarmHistoryItems"]}

    def becomes(self, name: str, state: str, doing: Callable[[], None] = lambda: None) -> None:
        """Wait until an alarm has a state, doing something again and again meanwhile."""

        def look() -> bool:
            doing()
            return bool(self.described(name)["StateValue"] == state)

        self.lab.wait_for(look)

    def subscriber(self, name: str) -> tuple[str, Callable[[], list[dict[str, Any]]]]:
        """Return a topic and what reads the alarms' messages that arrived at its subscriber."""
        sqs, sns = self.lab.client("sqs"), self.lab.client("sns")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        topic = sns.create_topic(Name=name)["TopicArn"]
        arn = wanted["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        got: list[dict[str, Any]] = []

        def read() -> list[dict[str, Any]]:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                got.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return got

        return topic, read

    def sum_of(self, namespace: str, name: str, stat: str = "Sum", **dimensions: str) -> float:
        """Return a statistic of a metric over all of its points, -1 if there is none."""
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        answer = self.client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=listed,
            StartTime=0,
            EndTime=4_000_000_000,
            Period=4_000_000_000,
            **{"ExtendedStatistics" if stat[0] == "p" else "Statistics": [stat]},
        )
        points = answer["Datapoints"]
        if not points:
            return -1.0
        return float({**points[0], **points[0].get("ExtendedStatistics", {})}[stat])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    state_dir = tmp_path_factory.mktemp("aws")
    pace = Pace(poll_seconds=0.05, minute_seconds=0.5)
    aws = supervisor.start(state_dir, pace=pace)
    yield Lab(aws, tmp_path_factory.mktemp("functions"), state_dir)
    supervisor.stop(state_dir)
    log = (state_dir / "mapping.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def watch(lab: Lab) -> Watch:
    return Watch(lab)


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """A local AWS of the test's own, started with the given options."""

    def make(**options: Any) -> Lab:
        (tmp_path / "functions").mkdir()
        pace = Pace(poll_seconds=0.05, minute_seconds=0.5)
        aws = supervisor.start(tmp_path / "aws", pace=pace, **options)
        return Lab(aws, tmp_path / "functions", tmp_path / "aws")

    yield make
    supervisor.stop(tmp_path / "aws")


@pytest.fixture(scope="module")
def plain_front(lab: Lab) -> Front:
    return Front(lab.aws.endpoint)


@pytest.fixture
def front(plain_front: Front) -> Iterator[Front]:
    """The front of the local AWS; what a test switches on is off after it."""
    yield plain_front
    plain_front.clear()
    plain_front.limits(False)

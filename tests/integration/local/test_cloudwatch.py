"""CloudWatch of a real local AWS, its minute compressed: metrics, alarms, messages, schedules."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_aws import aws_rule

ALARMS = "CloudWatch user guide, Using Amazon CloudWatch alarms"
MATH = "CloudWatch user guide, Alarms on math expressions"
PATIENT = {"EvaluationPeriods": 1, "Threshold": 1.0, "Period": 60}
COMPARISON = {"ComparisonOperator": "GreaterThanThreshold"}
EMF = """
def handler(event, context):
    import json
    print("a line that is none")
    print('{"_aws": {"CloudWatchMetrics": "malformed"}}')
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
            "Namespace": "Emf", "Dimensions": [["Stream"], ["Stream", "Reason"], []],
            "Metrics": [{"Name": "Age", "Unit": "Milliseconds"}]}]},
        "Stream": "s", "Reason": "late", "Age": [5, 5, 9]}))
    note({"Records": [{"eventID": "s:1", "kinesis": {"data": ""}}]})
"""
POISONED = """
def handler(event, context):
    if "poison" in note(event):
        raise ValueError("poison")
"""
FAILS = """
def handler(event, context):
    note({"Records": [{"eventID": "s:1", "kinesis": {"data": ""}}]})
    raise RuntimeError("as it should")
"""


class Watch:
    """CloudWatch of a local AWS: metrics in, states and messages out."""

    def __init__(self, lab: Any) -> None:
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


@pytest.fixture
def watch(lab: Any) -> Watch:
    return Watch(lab)


@aws_rule(
    page=ALARMS,
    says="an alarm starts with INSUFFICIENT_DATA, is evaluated by the minute, invokes the actions"
    " of the state that it enters, and leaves ALARM by itself",
    alone="evaluates only when a metric is put, so that nothing leaves ALARM by itself",
)
def test_an_alarm_tells_when_trouble_comes_and_when_it_goes(watch: Watch) -> None:
    topic, messages = watch.subscriber("told")
    watch.alarm(
        "told",
        Namespace="Test",
        MetricName="Trouble",
        Dimensions=[{"Name": "Of", "Value": "told"}],
        Statistic="Sum",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
        OKActions=[topic],
    )
    assert watch.described("told")["StateValue"] == "INSUFFICIENT_DATA"
    watch.becomes("told", "ALARM", lambda: watch.put("Trouble", 5.0, Of="told"))
    described = watch.described("told")
    assert json.loads(described["StateReasonData"])["recentDatapoints"]
    assert "greater than the threshold (1.0)" in described["StateReason"]
    watch.becomes("told", "OK")
    told = watch.lab.wait_for(lambda: len(messages()) >= 2 and messages())
    states = [message["NewStateValue"] for message in told]
    assert states[-2:] == ["ALARM", "OK"]
    history = watch.client.describe_alarm_history(AlarmName="told", HistoryItemType="StateUpdate")
    assert "Alarm updated from ALARM to OK" in {
        item["HistorySummary"] for item in history["AlarmHistoryItems"]
    }


@aws_rule(
    page=ALARMS,
    says="an alarm evaluates the one metric whose dimensions are all its own",
    alone="takes every metric of that name, whatever its dimensions",
)
def test_an_alarm_sees_its_own_dimensions_alone(watch: Watch) -> None:
    names = {"Namespace": "Test", "MetricName": "Mine", "Statistic": "Maximum"}
    watch.alarm("mine", Dimensions=[{"Name": "Of", "Value": "me"}], **names)
    watch.alarm("bare", **names)
    watch.becomes("mine", "ALARM", lambda: watch.put("Mine", 5.0, Of="me"))
    assert watch.described("bare")["StateValue"] == "INSUFFICIENT_DATA"


@aws_rule(
    page="CloudWatch user guide, Configuring how CloudWatch alarms treat missing data",
    says="TreatMissingData decides the state of an alarm without data",
    alone="the policy is stored and not looked at",
)
def test_silence_is_treated_as_the_alarm_says(watch: Watch) -> None:
    silent = {"Namespace": "Test", "MetricName": "Silent", "Statistic": "Sum"}
    for policy in ("missing", "ignore", "breaching", "notBreaching"):
        watch.alarm(f"silent-{policy}", TreatMissingData=policy, **silent)
    watch.becomes("silent-breaching", "ALARM")
    watch.becomes("silent-notBreaching", "OK")
    for policy in ("missing", "ignore"):
        assert watch.described(f"silent-{policy}")["StateValue"] == "INSUFFICIENT_DATA"


def query(name: str, metric: str) -> dict[str, Any]:
    wanted = {"Namespace": "Test", "MetricName": metric}
    stat = {"Metric": wanted, "Period": 60, "Stat": "Sum"}
    return {"Id": name, "MetricStat": stat, "ReturnData": False}


@aws_rule(
    page=MATH,
    says="an alarm evaluates the expression that returns data, over metrics of one period",
    alone="the alarm's Metrics are dropped when it is put, so it never changes state",
)
def test_an_alarm_on_a_share_of_two_metrics(watch: Watch) -> None:
    share = {"Id": "share", "Expression": "100 * part / whole", "ReturnData": True}
    math = [share, query("part", "Bad"), query("whole", "All")]
    put = {**COMPARISON, "Metrics": math, "EvaluationPeriods": 1, "Threshold": 40}
    watch.client.put_metric_alarm(AlarmName="share", TreatMissingData="notBreaching", **put)
    assert [one["Id"] for one in watch.described("share")["Metrics"]] == ["share", "part", "whole"]

    def half_bad() -> None:
        watch.put("All", 10.0)
        watch.put("Bad", 5.0)

    watch.becomes("share", "ALARM", half_bad)
    watch.becomes("share", "OK", lambda: watch.put("All", 10.0))


def test_math_that_is_not_evaluated_here_is_refused_when_it_is_put(watch: Watch) -> None:
    for expression, why in (("RATE(part)", "not evaluated here"), ("part + gone", "not among")):
        math = [{"Id": "e", "Expression": expression}, query("part", "Bad")]
        with pytest.raises(watch.client.exceptions.ClientError, match=why):
            watch.client.put_metric_alarm(
                AlarmName="refused", Metrics=math, EvaluationPeriods=1, Threshold=1, **COMPARISON
            )


@aws_rule(
    page="CloudWatch user guide, Create a composite alarm",
    says="a composite alarm follows the states of the alarms in its rule and has its own actions",
    alone="the same, but its children do not return to OK by themselves",
)
def test_a_composite_alarm_follows_its_children(watch: Watch) -> None:
    topic, messages = watch.subscriber("page")
    for child in ("left", "right"):
        names = {"Namespace": "Test", "MetricName": child, "Statistic": "Sum"}
        watch.alarm(child, TreatMissingData="notBreaching", **names)
    rule = 'ALARM("left") OR (ALARM("right") AND NOT OK("left"))'
    put = {"AlarmName": "page", "AlarmRule": rule, "AlarmActions": [topic], "OKActions": [topic]}
    watch.client.put_composite_alarm(**put)
    watch.becomes("page", "OK")
    watch.becomes("right", "ALARM", lambda: watch.put("right", 5.0))
    assert watch.described("page")["StateValue"] == "OK"
    watch.becomes("page", "ALARM", lambda: watch.put("left", 5.0))
    watch.becomes("page", "OK")
    told = watch.lab.wait_for(lambda: len(messages()) >= 2 and messages())
    assert [message["NewStateValue"] for message in told][-2:] == ["ALARM", "OK"]


@aws_rule(
    page="CloudWatch user guide, Specification: Embedded metric format",
    says="a line of a function's log in the embedded metric format becomes a metric under each of"
    " its sets of dimensions; a malformed one stays in the log",
    alone="lines of the log are kept and nothing is made of them",
)
def test_what_a_function_prints_in_emf_becomes_metrics(watch: Watch) -> None:
    watch.lab.deploy("prints", EMF)
    answer = watch.lab.client("lambda").invoke(FunctionName="prints")
    assert "FunctionError" not in answer
    listed = watch.client.list_metrics(Namespace="Emf")["Metrics"]
    assert [len(metric["Dimensions"]) for metric in listed] == [1, 2, 0]
    for dimensions in ({"Stream": "s"}, {"Stream": "s", "Reason": "late"}):
        wanted = {**dimensions, "namespace": "Emf", "name": "Age"}
        assert watch.sum_of(**wanted) == 19.0
        assert watch.sum_of(stat="SampleCount", **wanted) == 3.0
    assert watch.sum_of("Emf", "Age", "p50", Stream="s") == 5.0


@aws_rule(
    page="EventBridge user guide, Creating a rule that runs on a schedule",
    says="rate(1 minute) runs the target each minute, and Lambda counts runs and errors of it",
    alone="runs it each minute, but counts neither run nor error",
    here="the same, of a minute that takes as long as it was asked to",
)
def test_a_schedule_runs_each_compressed_minute_and_is_counted(watch: Watch) -> None:
    arn = watch.lab.deploy("fails", FAILS)
    events = watch.lab.client("events")
    events.put_rule(Name="each-minute", ScheduleExpression="rate(1 minute)", State="ENABLED")
    events.put_targets(Rule="each-minute", Targets=[{"Id": "f", "Arn": arn}])
    watch.lab.wait_for(lambda: len(watch.lab.invocations("fails")) >= 3)
    events.remove_targets(Rule="each-minute", Ids=["f"])
    names = {"namespace": "AWS/Lambda", "FunctionName": "fails"}
    watch.lab.wait_for(lambda: watch.sum_of(name="Errors", **names) >= 3)
    assert watch.sum_of(name="Invocations", **names) == watch.sum_of(name="Errors", **names)


@aws_rule(
    page="Lambda developer guide, Types of metrics for event source mappings",
    says="records that reach the on-failure destination are counted by mapping",
    alone="publishes nothing for a mapping",
)
def test_an_alarm_hears_of_records_that_a_mapping_set_aside(watch: Watch) -> None:
    watch.lab.deploy("aside", POISONED)
    watch.lab.stream("aside")
    watch.lab.client("s3").create_bucket(Bucket="aside")
    destination = {"OnFailure": {"Destination": "arn:aws:s3:::aside"}}
    given_up = {"MaximumRetryAttempts": 0, "DestinationConfig": destination}
    mapping = watch.lab.map("aside", **given_up)
    metric = "OnFailureDestinationDeliveredEventCount"
    of_mapping = [{"Name": "EventSourceMappingUUID", "Value": mapping}]
    names = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": of_mapping}
    watch.alarm("aside", Statistic="Sum", TreatMissingData="notBreaching", **names)
    watch.becomes("aside", "OK")
    watch.lab.put("aside", "poison", "b", "c")
    watch.becomes("aside", "ALARM")
    watch.becomes("aside", "OK")
    assert watch.sum_of("AWS/Lambda", metric, EventSourceMappingUUID=mapping) == 3.0


@aws_rule(
    page="Kinesis developer guide, Monitor the Kinesis Data Streams service with CloudWatch",
    says="a stream's bytes, records, throttles and iterator age are published each minute",
    alone="publishes nothing for Kinesis",
)
def test_a_streams_traffic_is_published_each_minute(watch: Watch) -> None:
    watch.lab.stream("counted")
    kinesis = watch.lab.client("kinesis")
    watch.lab.put("counted", "a", "bcd")
    kinesis.put_record(StreamName="counted", Data=b"e", PartitionKey="e")
    [shard] = kinesis.list_shards(StreamName="counted")["Shards"]
    opened = kinesis.get_shard_iterator(
        StreamName="counted", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    first = kinesis.get_records(ShardIterator=opened["ShardIterator"], Limit=2)
    kinesis.get_records(ShardIterator=first["NextShardIterator"])
    expected = {
        "IncomingBytes": 5.0,
        "IncomingRecords": 3.0,
        "PutRecords.SuccessfulRecords": 2.0,
        "PutRecord.Success": 1.0,
        "WriteProvisionedThroughputExceeded": 0.0,
        "GetRecords.Bytes": 5.0,
        "GetRecords.Records": 3.0,
        "ReadProvisionedThroughputExceeded": 0.0,
    }
    for name, value in expected.items():
        of = {"namespace": "AWS/Kinesis", "name": name, "StreamName": "counted"}
        assert watch.lab.wait_for(lambda of=of: watch.sum_of(**of) >= 0)
        assert watch.sum_of(**of) == value, name
    behind = {"name": "GetRecords.IteratorAgeMilliseconds", "StreamName": "counted"}
    assert watch.sum_of("AWS/Kinesis", stat="Minimum", **behind) == 0.0
    assert watch.sum_of("AWS/Kinesis", stat="Maximum", **behind) > 0.0

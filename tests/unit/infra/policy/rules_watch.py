"""Rules about what is seen of a stack: logs that end, alarms that somebody hears and can act on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.unit.infra.policy.stack import Break, Rule, Stack, kind_of

ROOT: Final = Path(__file__).resolve().parents[4]
RUNBOOK: Final = re.compile(r"Runbook: \S*?(runbooks/[a-z-]+\.md)")

WATCHED: Final = {
    "Function": ("AWS/Lambda", "FunctionName", "name", {"Errors"}),
    "Stream": (
        "AWS/Kinesis",
        "StreamName",
        "name",
        {
            "GetRecords.IteratorAgeMilliseconds",
            "ReadProvisionedThroughputExceeded",
            "WriteProvisionedThroughputExceeded",
        },
    ),
    "EventSourceMapping": (
        "AWS/Lambda",
        "EventSourceMappingUUID",
        "uuid",
        {"OnFailureDestinationDeliveredEventCount"},
    ),
    "Queue": ("AWS/SQS", "QueueName", "name", {"ApproximateAgeOfOldestMessage"}),
}
"""By kind: namespace and dimension, the output that is its value, and metrics with an alarm each.

Kinesis guide, "Monitor the Amazon Kinesis Data Streams service with CloudWatch"; Lambda guide,
"Types of metrics for Lambda functions"; SQS guide, "Available CloudWatch metrics for Amazon SQS".
"""


def logs(stack: Stack) -> Iterator[str]:
    groups = {group.inputs["name"]: group for group in stack.of("LogGroup")}
    used = [function.inputs["loggingConfig"]["logGroup"] for function in stack.of("Function")]
    for function in stack.of("Function"):
        name = function.inputs["loggingConfig"]["logGroup"]
        if name not in groups or used.count(name) > 1:
            yield f"{function.name}: has no log group of its own"
    for group in groups.values():
        if not group.inputs.get("retentionInDays"):
            yield f"{group.name}: is kept for ever"


def _series(alarm: Any) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    queries = alarm.inputs.get("metricQueries", ())
    for each in [q["metric"] for q in queries if "metric" in q] or [alarm.inputs]:
        dimensions = tuple(sorted(each.get("dimensions", {}).items()))
        yield each["namespace"], each["metricName"], dimensions


def alarmed(stack: Stack) -> Iterator[str]:
    seen = {series for alarm in stack.of("MetricAlarm") for series in _series(alarm)}
    for resource in stack.of(*WATCHED):
        namespace, dimension, output, metrics = WATCHED[kind_of(resource)]
        value = resource.outputs[output]
        for metric in sorted(metrics):
            if (namespace, metric, ((dimension, value),)) not in seen:
                yield f"{resource.name}: no alarm is on its {metric}"


def heard(stack: Stack) -> Iterator[str]:
    topics = {topic.outputs["arn"] for topic in stack.of("Topic")}
    for alarm in stack.of("MetricAlarm", "CompositeAlarm"):
        for when in ("alarmActions", "okActions"):
            told = set(alarm.inputs.get(when, ()))
            if not told or not told <= topics:
                yield f"{alarm.name}: tells nobody of the stack ({when})"
        if alarm.inputs.get("actionsEnabled") is False:
            yield f"{alarm.name}: is muted"


def actionable(stack: Stack) -> Iterator[str]:
    for alarm in stack.of("MetricAlarm", "CompositeAlarm"):
        link = RUNBOOK.search(alarm.inputs.get("alarmDescription", ""))
        if link is None or not (ROOT / link[1]).is_file():
            yield f"{alarm.name}: names no runbook that is there"


RULES: Final = (
    Rule(
        id="logs-kept-and-ended",
        why="CloudWatch Logs guide, 'Change log data retention': by default for ever.",
        check=logs,
        breaks=(
            Break(resource="sweeper-log-group"),
            Break(resource="sweeper-log-group", path="retentionInDays"),
            Break(
                resource="probe",
                path="loggingConfig/logGroup",
                value="/aws/lambda/sluice-dev-lake-auditor",
            ),
        ),
    ),
    Rule(
        id="alarmed",
        why="AWS Well-Architected, 'OPS08-BP04 Create actionable alerts'.",
        check=alarmed,
        breaks=(
            Break(resource="alarms-function-errors"),
            Break(resource="alarms-watcher-errors"),
            *(
                Break(resource="alarms-watcher-errors", path=f"metricQueries/{n}")
                for n in (1, 2, 3)
            ),
            Break(resource="alarms-age-against-retention"),
            Break(resource="alarms-write-throttles"),
            Break(resource="alarms-read-throttles"),
            Break(resource="alarms-on-failure-objects", path="dimensions", value={}),
            Break(resource="ledger", path="type", value="aws:sqs/queue:Queue"),
        ),
    ),
    Rule(
        id="alarms-are-heard",
        why="CloudWatch guide, 'Using Amazon CloudWatch alarms', 'Alarm actions'.",
        check=heard,
        breaks=(
            Break(resource="alarms-iterator-age", path="alarmActions", value=[]),
            Break(resource="alarms-lake-is-late", path="okActions"),
            Break(resource="alarms-pages"),
        ),
    ),
    Rule(
        id="alarms-are-actionable",
        why="AWS Well-Architected, 'OPS07-BP03 Use runbooks to perform procedures'.",
        check=actionable,
        breaks=(
            Break(resource="alarms-iterator-age", path="alarmDescription"),
            Break(
                resource="alarms-data-at-risk",
                path="alarmDescription",
                value="Runbook: runbooks/nowhere.md",
            ),
        ),
    ),
)

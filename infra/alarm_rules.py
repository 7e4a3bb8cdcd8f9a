"""Which alarms there are: metric, threshold and what silence means, each with its reason. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline import metrics
from pipeline.names import METRICS_NAMESPACE

Statistic = Literal["Sum", "Maximum"]
Missing = Literal["notBreaching", "breaching", "ignore", "missing"]
Source = Literal["function", "stream", "mapping", "pipeline"]
"""Whose metric it is; `alarms` turns it into dimensions."""

PERIOD_SECONDS: Final = 60
MS_PER_SECOND: Final = 1_000
MS_PER_HOUR: Final = 3_600_000

DIMENSIONS: Final[Mapping[Source, str]] = {
    "function": "FunctionName",
    "stream": "StreamName",
    "mapping": "EventSourceMappingUUID",
    "pipeline": metrics.STREAM_DIMENSION,
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One alarm. `id` is its name, its runbook's file and title, and its drill.

    The statistic is taken over `period_seconds` and compared, greater than, with `threshold` in
    `unit` (for a Sum: so many a period, never a second). Where `share_of` is given, the metric is
    a percentage of that other metric of the same dimensions.
    """

    id: str
    summary: str
    namespace: str
    metric: str
    source: Source
    statistic: Statistic
    threshold: float
    unit: str
    threshold_reason: str
    missing: Missing
    missing_reason: str
    period_seconds: int = PERIOD_SECONDS
    periods: int = 3
    periods_to_alarm: int = 3
    share_of: str = field(default="")

    def runbook(self, base: str) -> str:
        """Return where the runbook is: derived from the id, so that it cannot drift."""
        return f"{base.rstrip('/')}/{self.id}.md"

    def description(self, base: str) -> str:
        """Return what an operator reads in the alarm."""
        return f"{self.summary} Threshold: {self.threshold_reason} Runbook: {self.runbook(base)}"


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What a stack decides about its alarms."""

    iterator_age_seconds_max: int
    retention_hours: int
    retention_percent_max: int
    quarantine_percent_max: float


def rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return every rule of a stack, in the order in which an operator wants to hear of them."""
    return (
        _age_against_retention(objectives),
        _iterator_age(objectives),
        *_FUNCTION_RULES,
        _WRITE_THROTTLES,
        _ON_FAILURE_OBJECTS,
        _RECORDS_LOST,
        _quarantine_rate(objectives),
    )


def _age_against_retention(objectives: Objectives) -> Rule:
    share = objectives.retention_percent_max / 100
    return Rule(
        id="age-against-retention",
        summary="Unread records come close to expiring.",
        namespace="AWS/Kinesis",
        metric="GetRecords.IteratorAgeMilliseconds",
        source="stream",
        statistic="Maximum",
        threshold=objectives.retention_hours * MS_PER_HOUR * share,
        unit="milliseconds",
        threshold_reason=(
            f"{objectives.retention_percent_max} % of {objectives.retention_hours} h of retention: "
            "the rest is the time to act before records are lost."
        ),
        missing="missing",
        missing_reason="The mapping reads an idle stream too: silence means no reader.",
    )


def _iterator_age(objectives: Objectives) -> Rule:
    return Rule(
        id="iterator-age",
        summary="The function falls behind the stream.",
        namespace="AWS/Lambda",
        metric="IteratorAge",
        source="function",
        statistic="Maximum",
        threshold=objectives.iterator_age_seconds_max * MS_PER_SECOND,
        unit="milliseconds",
        threshold_reason=(
            f"{objectives.iterator_age_seconds_max} s is the freshness that this stack promises."
        ),
        missing="notBreaching",
        missing_reason="Without batches there is no age: an idle stream is healthy.",
    )


_FUNCTION_RULES: Final = (
    Rule(
        id="function-errors",
        summary="Runs of the stream processor fail.",
        namespace="AWS/Lambda",
        metric="Errors",
        source="function",
        statistic="Sum",
        threshold=0,
        unit="runs a period",
        threshold_reason="a batch is retried by design, three minutes of failures are too many.",
        missing="notBreaching",
        missing_reason="Without runs there are no errors.",
    ),
    Rule(
        id="function-throttles",
        summary="Runs of the stream processor are refused for want of concurrency.",
        namespace="AWS/Lambda",
        metric="Throttles",
        source="function",
        statistic="Sum",
        threshold=0,
        unit="runs a period",
        threshold_reason="one run a shard is all it needs, so any lasting refusal is a limit.",
        missing="notBreaching",
        missing_reason="Without runs there are no refusals.",
    ),
)

_WRITE_THROTTLES: Final = Rule(
    id="write-throttles",
    summary="Producers are refused by the stream.",
    namespace="AWS/Kinesis",
    metric="WriteProvisionedThroughputExceeded",
    source="stream",
    statistic="Sum",
    threshold=0,
    unit="records a period",
    threshold_reason="producers retry a short burst; three minutes of it are too few shards.",
    missing="notBreaching",
    missing_reason="Without writes nothing is refused: an idle stream is healthy.",
)

_ON_FAILURE_OBJECTS: Final = Rule(
    id="on-failure-objects",
    summary="Lambda gave records up and set them aside in the lake bucket.",
    namespace="AWS/Lambda",
    metric="OnFailureDestinationDeliveredEventCount",
    source="mapping",
    statistic="Sum",
    threshold=0,
    unit="records a period",
    threshold_reason="with retries and age unlimited there should never be one.",
    missing="notBreaching",
    missing_reason="The metric exists only when something is set aside.",
    periods=1,
    periods_to_alarm=1,
)

_RECORDS_LOST: Final = Rule(
    id="records-lost",
    summary="A gap of the stream could not be filled: its records are gone.",
    namespace=METRICS_NAMESPACE,
    metric=metrics.LOST.name,
    source="pipeline",
    statistic="Sum",
    threshold=0,
    unit="ranges a period",
    threshold_reason="each range is events that the lake will never have.",
    missing="notBreaching",
    missing_reason="Every batch reports it, so silence is an idle stream.",
    periods=1,
    periods_to_alarm=1,
)


def _quarantine_rate(objectives: Objectives) -> Rule:
    return Rule(
        id="quarantine-rate",
        summary="Too many events break their contract.",
        namespace=METRICS_NAMESPACE,
        metric=metrics.QUARANTINED.name,
        share_of=metrics.RECEIVED.name,
        source="pipeline",
        statistic="Sum",
        threshold=objectives.quarantine_percent_max,
        unit="percent of events",
        threshold_reason=(
            f"up to {objectives.quarantine_percent_max:g} % is single producers' mistakes, "
            "more is a release."
        ),
        missing="notBreaching",
        missing_reason="Without events there are no bad ones.",
    )

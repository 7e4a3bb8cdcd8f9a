"""What an alarm rule is: which series it measures, when it breaches, what its silence means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pipeline import metrics
from pipeline.names import METRICS_NAMESPACE

Statistic = Literal["Sum", "Minimum", "Maximum", "p50", "p99"]
Comparison = Literal["GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"]
Missing = Literal["notBreaching", "missing"]
"""CloudWatch's other policies are never right here. `breaching` alarms on every first deploy, for
a new alarm finds nothing but missing points (its user guide, "Configuring how CloudWatch alarms
treat missing data"): where silence is trouble the expression says so, by a series that must not
be silent itself. `ignore` would keep an alarm on for ever."""
Scheduled = Literal["sweeper", "probe", "auditor", "scaler"]
"""The functions that a schedule invokes."""
SCHEDULED: Final[tuple[Scheduled, ...]] = get_args(Scheduled)
Source = Literal[
    "function",
    Scheduled,
    "stream",
    "mapping",
    "table",
    "pipeline",
    "workers",
    "brokers",
]
"""Whose metric it is; `DIMENSIONS` has the dimension's name, the composition its value."""
Page = Literal["lake-is-late", "data-at-risk"]
"""The composite alarms: each is one incident, and pages once."""

PERIOD_SECONDS: Final = 60
SECONDS_PER_MINUTE: Final = 60
MS_PER_SECOND: Final = 1_000
MS_PER_HOUR: Final = 3_600_000

DIMENSIONS: Final[Mapping[Source, str]] = {
    "function": "FunctionName",
    "sweeper": "FunctionName",
    "probe": "FunctionName",
    "auditor": "FunctionName",
    "scaler": "FunctionName",
    "stream": "StreamName",
    "mapping": "EventSourceMappingUUID",
    "table": "TableName",
    "pipeline": metrics.STREAM_DIMENSION,
    "workers": "ClusterName",
    "brokers": "Cluster Name",
}

SAID: Final[Mapping[Comparison, str]] = {
    "GreaterThanThreshold": "above",
    "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "at or below",
}
"""A comparison as one says it before its threshold."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of one source, and the statistic that is taken of it over a period."""

    namespace: str
    metric: str
    source: Source
    statistic: Statistic
    beside: tuple[tuple[str, str], ...] = ()
    """Further dimensions beside the source's own, each with its value."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One alarm. `id` is its name, its runbook's file and title, and its drill.

    Where one alarm could not hold all series, each further one is another `part` under the same id.
    The one series, or `expression` (CloudWatch's metric math) over the series by their names, is
    compared with `threshold` in `unit` (for a Sum: so many a period, never a second). It alarms on
    `periods_to_alarm` breaching ones of the last `periods`, a period being `period_seconds` long.
    `page` is the composite that pages for it; an alarm without one can wait for the morning.
    """

    id: str
    part: int = 1
    summary: str
    series: Mapping[str, Series]
    expression: str = ""
    threshold: float
    unit: str
    threshold_reason: str
    missing: Missing
    missing_reason: str
    comparison: Comparison = "GreaterThanThreshold"
    period_seconds: int = PERIOD_SECONDS
    periods: int = 3
    periods_to_alarm: int = 3
    page: Page | None = None

    @property
    def name(self) -> str:
        """What tells it from every other alarm of the stack."""
        return self.id if self.part == 1 else f"{self.id}-{self.part}"

    @property
    def silence_tells(self) -> bool:
        """Whether the alarm's topic hears of it when there are no data to judge by."""
        return self.missing == "missing"

    def runbook(self, base: str) -> str:
        """Return where the runbook is: derived from the id, so that it cannot drift."""
        return runbook(base, self.id)

    def description(self, base: str) -> str:
        """Return what an operator reads in the alarm."""
        return f"{self.summary} Threshold: {self.threshold_reason} Runbook: {self.runbook(base)}"


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What a stack decides about its alarms."""

    oldest_event_age_seconds_max: int
    iterator_age_seconds_max: int
    canary_minutes_max: int
    batch_window_seconds: int
    retention_hours: int
    retention_percent_max: float
    run_seconds_max: int
    duration_percent_max: float
    quarantine_percent_max: float
    file_bytes_min: int
    small_files_max: int
    audit_minutes: int
    """0 for a stack without an auditor."""
    scales_shards: bool
    """Whether there is a scaler to watch."""
    quiet_minutes: int | None


def own(statistic: Statistic, metric: metrics.Metric) -> Series:
    """Return a metric of ours, of the whole stream."""
    return Series(
        namespace=METRICS_NAMESPACE, metric=metric.name, source="pipeline", statistic=statistic
    )


def runbook(base: str, identifier: str) -> str:
    """Return where the runbook of an alarm is, by its id."""
    return f"{base.rstrip('/')}/{identifier}.md"


def minutes(seconds: int) -> int:
    """Return how many whole minutes `seconds` take, a part counted as one."""
    return -(-seconds // SECONDS_PER_MINUTE)

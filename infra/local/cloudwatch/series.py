"""What an alarm looks at: one value a period, from the points that the emulator stores.

A period is a window that ends on a whole minute, so a longer one slides: CloudWatch looks every
minute (CloudWatch user guide, "Alarm evaluation"). Dimensions must match exactly.
"""
# ruff: noqa: SLF001 - reading the pinned version's own store is this module's purpose

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ministack.services import cloudwatch

from infra.local.cloudwatch import expressions
from infra.local.cloudwatch.evaluate import COMPARISONS, EXTRA_PERIODS, Rule
from infra.local.cloudwatch.expressions import ExpressionError, Series

Alarm = Mapping[str, Any]
"""An alarm as PutMetricAlarm has it."""

STATISTICS: Final = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
SECONDS_A_MINUTE: Final = 60


@dataclass(frozen=True, kw_only=True)
class Window:
    """The periods that are looked at: `length` of them, the newest ending at `end`.

    `minute_seconds`: how many real seconds a minute of a period takes.
    """

    end: float
    length: int
    minute_seconds: float

    def real(self, period_seconds: int) -> float:
        """Return how long a period takes."""
        return period_seconds * self.minute_seconds / SECONDS_A_MINUTE


def rule_of(alarm: Alarm) -> Rule:
    """Return an alarm's rule."""
    periods = alarm["EvaluationPeriods"]
    stats = [query["MetricStat"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    spaces = [stat["Metric"]["Namespace"] for stat in stats] or [alarm["Namespace"]]
    return Rule(
        comparison=alarm["ComparisonOperator"],
        threshold=alarm["Threshold"],
        evaluation_periods=periods,
        datapoints_to_alarm=alarm.get("DatapointsToAlarm") or periods,
        missing=alarm["TreatMissingData"],
        namespace=spaces[0] if len(set(spaces)) == 1 else "",
    )


def period_seconds(alarm: Alarm) -> int:
    """Return an alarm's period; metric math has that of its metrics, which is the same for all."""
    if "Metrics" not in alarm:
        return int(alarm["Period"])
    periods = {
        int(query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period", 0))
        for query in alarm["Metrics"]
    }
    return max(periods)


def reach_seconds(alarm: Alarm, *, minute_seconds: float) -> float:
    """Return how far back an alarm looks, in real seconds."""
    window = Window(end=0.0, length=0, minute_seconds=minute_seconds)
    periods = int(alarm["EvaluationPeriods"]) + EXTRA_PERIODS
    return periods * window.real(period_seconds(alarm))


def problem(alarm: Alarm) -> str:
    """Return why the local AWS cannot evaluate an alarm that is put, "" if it can."""
    if alarm["ComparisonOperator"] not in COMPARISONS:
        return f"ComparisonOperator {alarm['ComparisonOperator']} is not done by the local AWS"
    queries = alarm.get("Metrics") or ()
    stats = [query["MetricStat"]["Stat"] for query in queries if "MetricStat" in query]
    if not queries:
        stats = [alarm.get("ExtendedStatistic") or alarm.get("Statistic")]
    for stat in stats:
        if stat not in STATISTICS and not cloudwatch._is_percentile_stat(stat):
            return f"statistic {stat} is not done by the local AWS"
    if queries and len(returned := [q for q in queries if q.get("ReturnData", True)]) != 1:
        return f"exactly one of the metrics must return data, not {len(returned)}"
    try:
        _check_math(queries)
    except ExpressionError as error:
        return str(error)
    return ""


def points(alarm: Alarm, window: Window) -> Series:
    """Return an alarm's values, newest last, None for a period without any."""
    if "Metrics" not in alarm:
        stat = {"Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"), "Metric": alarm}
        return _values({**stat, "Period": alarm["Period"], "Unit": alarm.get("Unit")}, window)
    queries = {query["Id"]: query for query in alarm["Metrics"]}
    returned = next(query for query in alarm["Metrics"] if query.get("ReturnData", True))
    return _query(returned, queries, window, period_seconds(alarm))


def _query(
    query: Mapping[str, Any], queries: Mapping[str, Any], window: Window, period: int
) -> Series:
    if "MetricStat" in query:
        return _values(query["MetricStat"], window)
    tree = expressions.parse(query["Expression"])
    read = {
        name: _query(queries[name], queries, window, period) for name in expressions.names(tree)
    }
    return expressions.evaluate(tree, read, length=window.length, period_seconds=period)


def _values(stat: Mapping[str, Any], window: Window) -> Series:
    """Return one metric's statistic for each period."""
    metric, unit = stat["Metric"], stat.get("Unit")
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or ()}
    key = (metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions))
    period = window.real(int(stat["Period"]))
    start = window.end - window.length * period
    periods: list[list[dict[str, Any]]] = [[] for _ in range(window.length)]
    for point in list(cloudwatch._metrics.get(key) or ()):
        if start <= point["Timestamp"] < window.end and unit in (None, point["Unit"]):
            place = int((point["Timestamp"] - start) // period)
            periods[min(place, window.length - 1)].append(point)
    return [_statistic(stat["Stat"], inside) for inside in periods]


def _statistic(name: str, inside: Sequence[dict[str, Any]]) -> float | None:
    totals = cloudwatch._calc_stats(inside)
    if not totals:
        return None
    value: float | None = cloudwatch._stat_value(totals, name, inside)
    return value


def _check_math(queries: Sequence[Mapping[str, Any]]) -> None:
    """Raise ExpressionError unless every expression reads metrics and earlier expressions.

    That order excludes circles; CloudWatch asks for none.
    """
    known = {query["Id"] for query in queries if "MetricStat" in query}
    waiting = [query for query in queries if "MetricStat" not in query]
    while waiting:
        ready = [
            q for q in waiting if expressions.names(expressions.parse(q["Expression"])) <= known
        ]
        if not ready:
            raise ExpressionError(
                f"{waiting[0]['Expression']!r} reads an id that is not among the metrics"
            )
        known |= {query["Id"] for query in ready}
        waiting = [query for query in waiting if query not in ready]

"""What a component shows of itself on the dashboard: widgets as data, made from metrics' names."""

from dataclasses import dataclass

from infra.alarm_rule import PERIOD_SECONDS, Series, Source, Statistic, own
from pipeline.metrics import Metric


@dataclass(frozen=True, kw_only=True)
class Widget:
    """One graph: lines that share a unit, for that is all an axis can show."""

    title: str
    lines: tuple[Series, ...]
    period_seconds: int = PERIOD_SECONDS


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one component contributes: a heading, and its graphs in rows under it."""

    title: str
    widgets: tuple[Widget, ...]


def aws_series(
    namespace: str,
    source: Source,
    statistic: Statistic,
    *metrics: str,
    beside: tuple[tuple[str, str], ...] = (),
) -> tuple[Series, ...]:
    """Return one line a metric of AWS's, all of the same source and statistic."""
    return tuple(
        Series(
            namespace=namespace, metric=metric, source=source, statistic=statistic, beside=beside
        )
        for metric in metrics
    )


def own_series(statistic: Statistic, *metrics: Metric) -> tuple[Series, ...]:
    """Return one line a metric of the catalogue, all of the same statistic."""
    return tuple(own(statistic, metric) for metric in metrics)

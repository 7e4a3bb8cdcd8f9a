"""Synthetic series: a world of minutes, and what state an alarm takes in it."""

from collections.abc import Callable, Sequence

from infra.alarm_rule import Rule, Series
from infra.local.cloudwatch import evaluate, expressions

Values = dict[str, float]
"""One minute's values by `source.metric`; what was not published is not in it."""
World = Sequence[Values]


def of(minutes: int, *parts: tuple[int, Callable[[int], Values]]) -> list[Values]:
    """Return a world of so many minutes; each part begins at its minute."""
    starts = sorted(parts, key=lambda part: part[0])
    return [
        next(make for start, make in reversed(starts) if start <= minute)(minute)
        for minute in range(minutes)
    ]


def states(rule: Rule, world: World) -> list[str]:
    """Return the alarm's state at the end of each of its periods, from its creation on."""
    length = rule.period_seconds // 60
    periods = [world[at : at + length] for at in range(0, len(world) - length + 1, length)]
    measured = _measured(rule, periods)
    compared = evaluate.Rule(
        comparison=rule.comparison,
        threshold=rule.threshold,
        evaluation_periods=rule.periods,
        datapoints_to_alarm=rule.periods_to_alarm,
        missing=rule.missing,
    )
    padded = [None] * compared.evaluation_range + measured
    state: evaluate.State = "INSUFFICIENT_DATA"
    seen: list[str] = []
    for end in range(compared.evaluation_range + 1, len(padded) + 1):
        points = padded[end - compared.evaluation_range : end]
        state = evaluate.evaluate(compared, points, state).state
        seen.append(state)
    return seen


def _measured(rule: Rule, periods: Sequence[World]) -> list[float | None]:
    values = {name: _values(series, periods) for name, series in rule.series.items()}
    if not rule.expression:
        (only,) = values.values()
        return only
    return expressions.evaluate(
        expressions.parse(rule.expression),
        values,
        length=len(periods),
        period_seconds=rule.period_seconds,
    )


def _values(series: Series, periods: Sequence[World]) -> list[float | None]:
    key = ".".join((series.source, series.metric, *(value for _, value in series.beside)))
    statistics: dict[str, Callable[[list[float]], float]] = {
        "Sum": sum,
        "Minimum": min,
        "Maximum": max,
    }
    over = statistics[series.statistic]
    found = ([minute[key] for minute in period if key in minute] for period in periods)
    return [over(values) if values else None for values in found]


def without(make: Callable[[int], Values], *gone: str) -> Callable[[int], Values]:
    return lambda minute: {k: v for k, v in make(minute).items() if not k.startswith(gone)}

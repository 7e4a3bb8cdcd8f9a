"""The alarms of a stack on a topic: of its data, and of workers that fall behind. Pure."""

from typing import Final

from infra.alarm_rule import MS_PER_SECOND, Objectives, Rule, Series
from infra.alarm_rules_data import data_rules
from pipeline import metrics
from pipeline.names import METRICS_NAMESPACE

OF_WORKERS: Final = ("records-lost", "quarantine-rate", "small-files")
"""Told by whoever commits; the others are of functions, or of an auditor that reads Kinesis."""


def worker_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return every rule of a stack whose events workers take."""
    of_data = (rule for rule in data_rules(objectives) if rule.id in OF_WORKERS)
    return (_oldest_event_age(objectives), *of_data)


def _oldest_event_age(objectives: Objectives) -> Rule:
    seconds = objectives.oldest_event_age_seconds_max
    return Rule(
        id="oldest-event-age",
        summary="An event that a worker has waits too long for the lake, or no worker speaks.",
        series={
            "age": Series(
                namespace=METRICS_NAMESPACE,
                metric=metrics.WORKER_HELD_MS.name,
                source="pipeline",
                statistic="Maximum",
            )
        },
        threshold=seconds * MS_PER_SECOND,
        unit="milliseconds",
        threshold_reason=(
            f"{seconds} s is the freshness that this stack promises; three minutes of it are no "
            "worker that has just come."
        ),
        missing="missing",
        missing_reason="Each worker speaks several times a minute: silence means that none runs.",
        page="lake-is-late",
    )

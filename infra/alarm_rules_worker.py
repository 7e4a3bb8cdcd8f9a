"""The alarms of a stack on a topic: of its data, its workers' pace, and its brokers. Pure."""

from typing import Final

from infra.alarm_rule import Objectives, Rule, minutes, own
from infra.alarm_rules_broker import WATCHER_SILENT, broker_rules
from infra.alarm_rules_data import data_rules
from infra.alarm_rules_freshness import (
    OLDEST,
    age_against_retention,
    canary_not_seen,
    oldest_event_age,
    quiet_stream,
)
from infra.watched_topic import Topic
from pipeline import metrics

OF_WORKERS: Final = ("records-lost", "quarantine-rate", "small-files")
"""Told by whoever commits; the others are of functions, or of an auditor that reads Kinesis."""


def worker_rules(objectives: Objectives, topic: Topic) -> tuple[Rule, ...]:
    """Return every rule of a stack whose events workers take."""
    return (
        age_against_retention(
            objectives,
            OLDEST,
            silence="The watcher speaks each minute: silence means that it is dead.",
        ),
        oldest_event_age(objectives),
        canary_not_seen(
            objectives,
            {"held": own("Maximum", metrics.WORKER_HELD_MS), "waiting": OLDEST},
            lasting=minutes(topic.gathering_seconds),
            condition="MAX([held, waiting]) >= 0",
            silence=(
                "A missing canary breaches in each minute in which a worker or the watcher speaks: "
                "so a dead one alarms and a first deploy does not. Silence is that none of them is."
            ),
        ),
        _consumer_lag(topic),
        *broker_rules(topic),
        *(rule for rule in data_rules(objectives) if rule.id in OF_WORKERS),
        *_quiet(objectives),
    )


def _consumer_lag(topic: Topic) -> Rule:
    return Rule(
        id="consumer-lag",
        summary="More events wait than all workers that may come are there for.",
        series={"behind": own("Maximum", metrics.STREAM_LAG)},
        threshold=topic.records_behind_max,
        unit="records",
        threshold_reason=(
            "above worker_lag_max for each worker one is added; above it for workers_max of them "
            "nobody comes any more."
        ),
        missing="notBreaching",
        missing_reason=WATCHER_SILENT,
        periods=10,
        periods_to_alarm=10,
    )


def _quiet(objectives: Objectives) -> tuple[Rule, ...]:
    if objectives.quiet_minutes is None:
        return ()
    return (
        quiet_stream(
            objectives.quiet_minutes,
            own("Sum", metrics.RECEIVED),
            threshold=0,
            unit="events a period",
            counted="canaries are not counted among events",
            silence="Each worker speaks several times a minute: silence means that none runs.",
        ),
    )

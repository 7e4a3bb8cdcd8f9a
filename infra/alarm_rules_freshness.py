"""The alarms that say the lake is late, or that nobody knows whether it is. Pure."""

from typing import Final

from infra.alarm_rule import MS_PER_HOUR, MS_PER_SECOND, Objectives, Rule, Series, minutes
from pipeline import metrics
from pipeline.names import METRICS_NAMESPACE


def freshness_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return what measures age: in the stream, in the lake, and of the reader."""
    return (
        _age_against_retention(objectives),
        _oldest_event_age(objectives),
        _iterator_age(objectives),
        _canary_not_seen(objectives),
    )


def quiet_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return the alarm of a stream that should never be quiet, where the stack says so."""
    if objectives.quiet_minutes is None:
        return ()
    return (_quiet_stream(objectives.quiet_minutes),)


def _age_against_retention(objectives: Objectives) -> Rule:
    percent = objectives.retention_percent_max
    return Rule(
        id="age-against-retention",
        summary="Unread records come close to expiring.",
        series={
            "age": Series(
                namespace="AWS/Kinesis",
                metric="GetRecords.IteratorAgeMilliseconds",
                source="stream",
                statistic="Maximum",
            )
        },
        threshold=objectives.retention_hours * MS_PER_HOUR * percent / 100,
        unit="milliseconds",
        threshold_reason=(
            f"{percent:g} % of {objectives.retention_hours} h of retention: "
            "the rest is the time to act before records are lost."
        ),
        missing="missing",
        missing_reason="The mapping reads an idle stream too: silence means no reader.",
        page="data-at-risk",
    )


def _oldest_event_age(objectives: Objectives) -> Rule:
    seconds = objectives.oldest_event_age_seconds_max
    return Rule(
        id="oldest-event-age",
        summary="An event waits too long for the lake.",
        series={
            "age": Series(
                namespace=METRICS_NAMESPACE,
                metric=metrics.OLDEST_MS.name,
                source="pipeline",
                statistic="Maximum",
            )
        },
        threshold=seconds * MS_PER_SECOND,
        unit="milliseconds",
        threshold_reason=(
            f"{seconds} s is the freshness that this stack promises; three minutes of it are no "
            "cold start."
        ),
        missing="missing",
        missing_reason=(
            "The probe speaks each minute, 0 for an idle stream: silence means no probe, for "
            "which canary-not-seen pages."
        ),
        page="lake-is-late",
    )


def _iterator_age(objectives: Objectives) -> Rule:
    seconds = objectives.iterator_age_seconds_max
    return Rule(
        id="iterator-age",
        summary="The function falls behind the stream.",
        series={
            "age": Series(
                namespace="AWS/Lambda",
                metric="IteratorAge",
                source="function",
                statistic="Maximum",
            )
        },
        threshold=seconds * MS_PER_SECOND,
        unit="milliseconds",
        threshold_reason=f"a batch that starts {seconds} s old is past the promised freshness.",
        missing="notBreaching",
        missing_reason="Without batches there is no age: oldest-event-age sees a dead function.",
        page="lake-is-late",
    )


def _canary_not_seen(objectives: Objectives) -> Rule:
    lasting = objectives.canary_minutes_max + minutes(objectives.batch_window_seconds)
    return Rule(
        id="canary-not-seen",
        summary="No canary of the last minutes is in the lake, or nobody looks for one.",
        series={
            "found": Series(
                namespace=METRICS_NAMESPACE,
                metric=metrics.CANARY_FOUND.name,
                source="pipeline",
                statistic="Sum",
            ),
            "sweeps": Series(
                namespace="AWS/Lambda",
                metric="Invocations",
                source="sweeper",
                statistic="Sum",
            ),
        },
        expression="IF(sweeps > 0, FILL(found, 0), 1)",
        comparison="LessThanThreshold",
        threshold=1,
        unit="canaries a period",
        threshold_reason=(
            f"one canary is sent each minute; {lasting} minutes without one are "
            f"{objectives.canary_minutes_max} more than the batch window explains."
        ),
        missing="missing",
        missing_reason=(
            "A missing canary breaches, in each minute in which the sweeper ran: so a dead probe "
            "alarms and a first deploy does not. Silence is that no timer fires at all."
        ),
        periods=lasting,
        periods_to_alarm=lasting,
        page="lake-is-late",
    )


CANARY_RECORDS_MAX: Final = 2
"""One canary a minute; at a minute's edge two fall into one period."""


def _quiet_stream(quiet_minutes: int) -> Rule:
    return Rule(
        id="quiet-stream",
        summary="Nothing but the canary arrives.",
        series={
            "records": Series(
                namespace="AWS/Kinesis",
                metric="IncomingRecords",
                source="stream",
                statistic="Sum",
            )
        },
        comparison="LessThanOrEqualToThreshold",
        threshold=CANARY_RECORDS_MAX,
        unit="records a period",
        threshold_reason=(
            "one record a minute is the canary, two where it falls on a minute's edge; "
            f"{quiet_minutes} minutes of no more are longer than this stack's pauses."
        ),
        missing="missing",
        missing_reason="The canary is a record each minute: silence means no probe either.",
        periods=quiet_minutes,
        periods_to_alarm=quiet_minutes,
    )

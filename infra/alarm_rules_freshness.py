"""The alarms that say the lake is late, or that nobody knows whether it is. Pure.

Some are a topic's as well (`infra.alarm_rules_worker`): its watcher is what the probe is here.
"""

from collections.abc import Mapping
from typing import Final

from infra.alarm_rule import MS_PER_HOUR, MS_PER_SECOND, Objectives, Rule, Series, minutes, own
from pipeline import metrics

OLDEST: Final = own("Maximum", metrics.OLDEST_MS)


def freshness_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return what measures age: in the stream, in the lake, and of the reader."""
    read = Series(
        namespace="AWS/Kinesis",
        metric="GetRecords.IteratorAgeMilliseconds",
        source="stream",
        statistic="Maximum",
    )
    swept = Series(namespace="AWS/Lambda", metric="Invocations", source="sweeper", statistic="Sum")
    return (
        age_against_retention(
            objectives,
            read,
            silence="The mapping reads an idle stream too: silence means no reader.",
        ),
        oldest_event_age(objectives),
        _iterator_age(objectives),
        canary_not_seen(
            objectives,
            {"sweeps": swept},
            lasting=minutes(objectives.batch_window_seconds),
            condition="sweeps > 0",
            silence=(
                "A missing canary breaches, in each minute in which the sweeper ran: so a dead "
                "probe alarms and a first deploy does not. Silence is that no timer fires at all."
            ),
        ),
    )


def quiet_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return the alarm of a stream that should never be quiet, where the stack says so."""
    if objectives.quiet_minutes is None:
        return ()
    return (
        quiet_stream(
            objectives.quiet_minutes,
            Series(
                namespace="AWS/Kinesis",
                metric="IncomingRecords",
                source="stream",
                statistic="Sum",
            ),
            threshold=CANARY_RECORDS_MAX,
            unit="records a period",
            counted="one record a minute is the canary, two where it falls on a minute's edge",
            silence="The canary is a record each minute: silence means no probe either.",
        ),
    )


def age_against_retention(objectives: Objectives, age: Series, *, silence: str) -> Rule:
    """Return the alarm on the age of unread records, of which `age` tells in milliseconds."""
    percent = objectives.retention_percent_max
    return Rule(
        id="age-against-retention",
        summary="Unread records come close to expiring.",
        series={"age": age},
        threshold=objectives.retention_hours * MS_PER_HOUR * percent / 100,
        unit="milliseconds",
        threshold_reason=(
            f"{percent:g} % of {objectives.retention_hours} h of retention: "
            "the rest is the time to act before records are lost."
        ),
        missing="missing",
        missing_reason=silence,
        page="data-at-risk",
    )


def oldest_event_age(objectives: Objectives) -> Rule:
    """Return the alarm on what waits for the lake, whatever the stream."""
    seconds = objectives.oldest_event_age_seconds_max
    return Rule(
        id="oldest-event-age",
        summary="An event waits too long for the lake.",
        series={"age": OLDEST},
        threshold=seconds * MS_PER_SECOND,
        unit="milliseconds",
        threshold_reason=(
            f"{seconds} s is the freshness that this stack promises; three minutes of it are no "
            "cold start, and no worker that has just come."
        ),
        missing="missing",
        missing_reason=(
            "The probe, on a topic the watcher, speaks each minute, 0 for an idle stream: silence "
            "means that it is dead, for which canary-not-seen pages."
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


def canary_not_seen(
    objectives: Objectives,
    speaking: Mapping[str, Series],
    *,
    lasting: int,
    condition: str,
    silence: str,
) -> Rule:
    """Return the alarm on canaries that are sent each minute and not found.

    One is missing in each minute in which `condition` holds over the `speaking` series; `lasting`
    minutes are what gathering a batch explains.
    """
    periods = objectives.canary_minutes_max + lasting
    return Rule(
        id="canary-not-seen",
        summary="No canary of the last minutes is in the lake, or nobody looks for one.",
        series={"found": own("Sum", metrics.CANARY_FOUND), **speaking},
        expression=f"IF({condition}, FILL(found, 0), 1)",
        comparison="LessThanThreshold",
        threshold=1,
        unit="canaries a period",
        threshold_reason=(
            f"one canary is sent each minute; {periods} minutes without one are "
            f"{objectives.canary_minutes_max} more than gathering a batch explains."
        ),
        missing="missing",
        missing_reason=silence,
        periods=periods,
        periods_to_alarm=periods,
        page="lake-is-late",
    )


CANARY_RECORDS_MAX: Final = 2
"""One canary a minute; at a minute's edge two fall into one period."""


def quiet_stream(
    lasting: int, arriving: Series, *, threshold: int, unit: str, counted: str, silence: str
) -> Rule:
    """Return the alarm on `lasting` minutes in which no more arrives than `threshold`."""
    return Rule(
        id="quiet-stream",
        summary="Nothing but the canary arrives.",
        series={"arriving": arriving},
        comparison="LessThanOrEqualToThreshold",
        threshold=threshold,
        unit=unit,
        threshold_reason=(
            f"{counted}; {lasting} minutes of no more are longer than this stack's pauses."
        ),
        missing="missing",
        missing_reason=silence,
        periods=lasting,
        periods_to_alarm=lasting,
    )

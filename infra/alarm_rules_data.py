"""The alarms of the data itself: lost, doubled, altered, set aside, in too small files. Pure."""

from typing import Final

from infra.alarm_rule import Objectives, Rule, Series, own
from pipeline import metrics

SMALL_FILES_SECONDS: Final = 3_600
AUDITS: Final = 2
"""How many audits' time an alarm of theirs looks back, and so stays on after the last bad one."""


def data_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return what says that events are not where and as they should be."""
    audited = (_conservation_broken(objectives), _duplicates_found(objectives))
    return (
        _ON_FAILURE_OBJECTS,
        _RECORDS_LOST,
        *(audited if objectives.audit_minutes else ()),
        _quarantine_rate(objectives),
        _small_files(objectives),
    )


_ON_FAILURE_OBJECTS: Final = Rule(
    id="on-failure-objects",
    summary="Lambda gave records up and set them aside in the lake bucket.",
    series={
        "delivered": Series(
            namespace="AWS/Lambda",
            metric="OnFailureDestinationDeliveredEventCount",
            source="mapping",
            statistic="Sum",
        )
    },
    threshold=0,
    unit="records a period",
    threshold_reason="with retries and age unlimited there should never be one.",
    missing="notBreaching",
    missing_reason="The metric exists only when something is set aside.",
    periods=1,
    periods_to_alarm=1,
    page="data-at-risk",
)

_RECORDS_LOST: Final = Rule(
    id="records-lost",
    summary="A gap of the stream could not be filled: its records are gone.",
    series={"lost": own("Sum", metrics.LOST)},
    threshold=0,
    unit="ranges a period",
    threshold_reason="each range is events that the lake will never have.",
    missing="notBreaching",
    missing_reason="Every batch reports it, so silence is an idle stream.",
    periods=1,
    periods_to_alarm=1,
    page="data-at-risk",
)


def _conservation_broken(objectives: Objectives) -> Rule:
    return Rule(
        id="conservation-broken",
        summary="What the stream accepted is not what lake, quarantine and flight hold.",
        series={
            "gap": own("Sum", metrics.CONSERVATION_GAP),
            "lost": own("Sum", metrics.AUDIT_LOST),
        },
        expression="IF(gap < 0, 0 - gap, gap) + lost",
        threshold=0,
        unit="events a period",
        threshold_reason=(
            "accepted is stored, quarantined, a dropped copy or in flight, to the event; one more "
            "or less is a loss or a copy, whatever cancels it out."
        ),
        missing="missing",
        missing_reason=(
            f"An audit comes every {objectives.audit_minutes} minutes, of an idle stream too: "
            "silence means that nobody counts."
        ),
        periods=AUDITS * objectives.audit_minutes,
        periods_to_alarm=1,
        page="data-at-risk",
    )


def _duplicates_found(objectives: Objectives) -> Rule:
    return Rule(
        id="duplicates-found",
        summary="The auditor found events twice in the lake, or otherwise than they were sent.",
        series={
            "duplicated": own("Sum", metrics.AUDIT_DUPLICATED),
            "altered": own("Sum", metrics.AUDIT_ALTERED),
        },
        expression="duplicated + altered",
        threshold=0,
        unit="events a period",
        threshold_reason="exactly once has no tolerance.",
        missing="notBreaching",
        missing_reason="Between audits nothing is found; conservation-broken tells of their end.",
        periods=AUDITS * objectives.audit_minutes,
        periods_to_alarm=1,
        page="data-at-risk",
    )


def _quarantine_rate(objectives: Objectives) -> Rule:
    percent = objectives.quarantine_percent_max
    return Rule(
        id="quarantine-rate",
        summary="Too many events break their contract.",
        series={"part": own("Sum", metrics.QUARANTINED), "whole": own("Sum", metrics.RECEIVED)},
        expression="100 * part / whole",
        threshold=percent,
        unit="percent of events",
        threshold_reason=f"up to {percent:g} % is single producers' mistakes, more is a release.",
        missing="notBreaching",
        missing_reason="Without events there are no bad ones.",
    )


def _small_files(objectives: Objectives) -> Rule:
    least, files = objectives.file_bytes_min, objectives.small_files_max
    return Rule(
        id="small-files",
        summary="The lake fills with files so small that reading it gets slow and dear.",
        series={"bytes": own("Sum", metrics.BYTES), "files": own("Sum", metrics.FILES)},
        expression=f"IF(files > {files}, bytes / files, {least})",
        comparison="LessThanThreshold",
        threshold=least,
        unit="bytes a file",
        threshold_reason=(
            f"2,000 events a second make files of 60 to 100 KB at a window of a second; over "
            f"{files:,} files an hour of less than {least:,} bytes on average are a window too "
            "short for the rate."
        ),
        missing="notBreaching",
        missing_reason="Without files none is small, and few small ones are an idle stream.",
        period_seconds=SMALL_FILES_SECONDS,
        periods=1,
        periods_to_alarm=1,
    )

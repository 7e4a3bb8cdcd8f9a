"""Every alarm rule: reasons, a runbook by its id, thresholds in the unit that is measured."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.alarm_rule import DIMENSIONS, Objectives, Rule
from infra.alarm_rules import rules
from infra.composites import composites
from infra.local.cloudwatch import expressions
from infra.settings import Settings
from pipeline import metrics
from pipeline.names import METRICS_NAMESPACE

OBJECTIVES = Settings(quiet_minutes=30).objectives
RULES = {rule.id: rule for rule in rules(OBJECTIVES)}
UNITS = {metric.name: metric.unit for metric in metrics.CATALOGUE}

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)


def test_every_alarm_is_there_once() -> None:
    assert sorted(rule.id for rule in rules(OBJECTIVES)) == [
        "age-against-retention",
        "canary-not-seen",
        "conservation-broken",
        "duplicates-found",
        "function-duration",
        "function-errors",
        "function-throttles",
        "iterator-age",
        "oldest-event-age",
        "on-failure-objects",
        "quarantine-rate",
        "quiet-stream",
        "read-throttles",
        "records-lost",
        "small-files",
        "watcher-errors",
        "write-throttles",
    ]


def test_a_stream_that_may_rest_has_no_alarm_for_it_and_no_auditor_no_alarm_of_its() -> None:
    assert set(RULES) - {rule.id for rule in rules(Settings().objectives)} == {"quiet-stream"}
    unaudited = rules(Settings(quiet_minutes=30, audit_minutes=0).objectives)
    assert set(RULES) - {rule.id for rule in unaudited} == {
        "conservation-broken",
        "duplicates-found",
    }
    (watched,) = [rule for rule in unaudited if rule.id == "watcher-errors"]
    assert "auditor" not in watched.series


@every_rule
def test_threshold_and_silence_have_reasons(rule: Rule) -> None:
    assert rule.threshold_reason.endswith(".")
    assert rule.missing_reason.endswith(".")
    assert rule.summary.endswith(".")


@every_rule
def test_the_runbook_is_derived_from_the_id(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.runbook("https://example.com/runbooks/") == (
        f"https://example.com/runbooks/{rule.id}.md"
    )
    assert rule.runbook("runbooks") in rule.description("runbooks")


@every_rule
def test_an_alarm_is_one_that_cloudwatch_takes(rule: Rule) -> None:
    """CloudWatch API reference, PutMetricAlarm: M of N, and the longest time looked back."""
    assert 1 <= rule.periods_to_alarm <= rule.periods
    assert rule.period_seconds % 60 == 0
    week = 7 * 86_400
    assert rule.periods * rule.period_seconds <= (week if rule.period_seconds >= 3_600 else 86_400)
    # A description's limit is 1024 characters.
    assert len(rule.description("https://example.com/a/long/way/to/the/runbooks")) <= 1_024


@pytest.mark.parametrize(
    "changed",
    [
        {"audit_minutes": 60},
        {"run_seconds_max": 900},
        {"batch_window_seconds": 300, "canary_minutes_max": 60},
        {"quiet_minutes": 1_440},
    ],
    ids="-".join,
)
def test_the_greatest_settings_still_make_alarms_that_cloudwatch_takes(
    changed: Mapping[str, Any],
) -> None:
    for rule in rules(Settings(**changed).objectives):
        test_an_alarm_is_one_that_cloudwatch_takes(rule)


@every_rule
def test_every_series_is_a_metric_that_somebody_publishes(
    rule: Rule, published: Mapping[str, frozenset[str]]
) -> None:
    assert_published(rule, published)


def assert_published(rule: Rule, published: Mapping[str, frozenset[str]]) -> None:
    for series in rule.series.values():
        assert series.metric in published[series.namespace]
        assert series.source in DIMENSIONS


@every_rule
def test_an_expression_reads_every_series_and_no_other(rule: Rule) -> None:
    if not rule.expression:
        assert len(rule.series) == 1
        return
    assert expressions.names(expressions.parse(rule.expression)) == set(rule.series)


@every_rule
def test_a_sum_is_compared_with_a_period_and_never_with_a_second(rule: Rule) -> None:
    assert "second" not in rule.unit.replace("milliseconds", "")
    summed = {series.statistic for series in rule.series.values()} == {"Sum"}
    share = rule.id in ("quarantine-rate", "small-files")
    if share:
        # A quotient of two sums over the same period: right whatever the period's length.
        assert summed
        assert " / " in rule.expression
    elif summed:
        assert rule.unit.endswith("a period")
        # One in a period, or the canary's own: never a rate that a second's limit could slip into.
        assert rule.threshold in (0, 1, 2)


@every_rule
def test_a_statistic_fits_what_its_metric_counts(rule: Rule) -> None:
    for series in rule.series.values():
        if series.namespace == METRICS_NAMESPACE:
            counted = UNITS[series.metric] in ("Count", "Bytes")
            assert series.statistic == ("Sum" if counted else "Maximum")
        assert series.statistic in ("Sum", "Maximum")
    ages = {series.statistic for series in rule.series.values()} == {"Maximum"}
    assert ages == (rule.unit == "milliseconds")


def test_ages_are_compared_in_milliseconds() -> None:
    assert RULES["iterator-age"].threshold == 300 * 1_000
    assert RULES["oldest-event-age"].threshold == 300 * 1_000
    assert RULES["age-against-retention"].threshold == 12 * 3_600 * 1_000
    assert RULES["function-duration"].threshold == 0.8 * 60 * 1_000


@every_rule
def test_missing_data_alone_never_breach(rule: Rule) -> None:
    assert rule.missing in ("notBreaching", "missing")
    assert rule.silence_tells == (rule.missing == "missing")


def test_somebody_hears_of_it_when_the_probe_the_auditor_or_the_reader_falls_silent() -> None:
    assert {rule.id for rule in RULES.values() if rule.silence_tells} == {
        "age-against-retention",
        "canary-not-seen",
        "conservation-broken",
        "oldest-event-age",
        "quiet-stream",
    }


def test_every_page_is_one_composite_and_no_alarm_pages_twice() -> None:
    pages = {page.id: page for page in composites(tuple(RULES.values()))}
    assert set(pages["lake-is-late"].members) == {
        "canary-not-seen",
        "iterator-age",
        "oldest-event-age",
    }
    assert set(pages["data-at-risk"].members) == {
        "age-against-retention",
        "conservation-broken",
        "duplicates-found",
        "on-failure-objects",
        "records-lost",
    }
    paged = [member for page in pages.values() for member in page.members]
    assert len(set(paged)) == len(paged)
    assert {rule.id for rule in RULES.values() if rule.page} == set(paged)


def test_a_composite_counts_alarms_and_not_silence_and_links_its_runbook() -> None:
    for page in composites(tuple(RULES.values())):
        rule = page.rule({member: f"sluice-dev-{member}" for member in page.members})
        assert rule == " OR ".join(f'ALARM("sluice-dev-{member}")' for member in page.members)
        assert f"runbooks/{page.id}.md" in page.description("runbooks")


@pytest.mark.parametrize(
    ("objective", "value", "moved"),
    [
        ("oldest_event_age_seconds_max", 1, {"oldest-event-age"}),
        ("iterator_age_seconds_max", 60, {"iterator-age"}),
        ("canary_minutes_max", 9, {"canary-not-seen"}),
        ("batch_window_seconds", 200, {"canary-not-seen"}),
        ("retention_hours", 48, {"age-against-retention"}),
        ("retention_percent_max", 0.01, {"age-against-retention"}),
        ("run_seconds_max", 120, {"function-duration", "function-errors"}),
        ("duration_percent_max", 10, {"function-duration"}),
        ("quarantine_percent_max", 5.0, {"quarantine-rate"}),
        ("file_bytes_min", 1_000, {"small-files"}),
        ("small_files_max", 3, {"small-files"}),
        ("audit_minutes", 7, {"conservation-broken", "duplicates-found"}),
        ("quiet_minutes", 60, {"quiet-stream"}),
    ],
)
def test_an_objective_moves_its_own_rules_alone(
    objective: str, value: float, moved: set[str]
) -> None:
    changed: Objectives = replace(OBJECTIVES, **{objective: value})
    assert {rule.id for rule in rules(changed) if rule != RULES[rule.id]} == moved

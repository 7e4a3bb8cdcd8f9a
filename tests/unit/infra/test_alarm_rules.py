"""Every alarm: reasons, a runbook by its id, thresholds in the unit that is measured."""

import re

import pytest

from infra.alarm_rules import DIMENSIONS, Objectives, Rule, rules

OBJECTIVES = Objectives(
    iterator_age_seconds_max=300,
    retention_hours=24,
    retention_percent_max=50,
    quarantine_percent_max=1.0,
)
RULES = {rule.id: rule for rule in rules(OBJECTIVES)}


def test_the_first_alarms_are_all_there() -> None:
    assert set(RULES) == {
        "iterator-age",
        "age-against-retention",
        "function-errors",
        "function-throttles",
        "write-throttles",
        "on-failure-objects",
        "quarantine-rate",
        "records-lost",
    }


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_threshold_and_silence_have_reasons(rule: Rule) -> None:
    assert rule.threshold_reason.endswith(".")
    assert rule.missing_reason.endswith(".")
    assert rule.summary.endswith(".")
    assert rule.source in DIMENSIONS


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_the_runbook_is_derived_from_the_id(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.runbook("https://example.com/runbooks/") == (
        f"https://example.com/runbooks/{rule.id}.md"
    )
    assert rule.runbook("runbooks") in rule.description("runbooks")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_an_alarm_never_waits_for_more_points_than_it_looks_at(rule: Rule) -> None:
    assert 1 <= rule.periods_to_alarm <= rule.periods
    assert rule.period_seconds % 60 == 0


def test_ages_are_compared_in_milliseconds() -> None:
    assert RULES["iterator-age"].threshold == 300 * 1_000
    assert RULES["age-against-retention"].threshold == 12 * 3_600 * 1_000
    assert {RULES["iterator-age"].unit, RULES["age-against-retention"].unit} == {"milliseconds"}
    assert RULES["iterator-age"].statistic == RULES["age-against-retention"].statistic == "Maximum"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_sum_is_compared_with_a_period_and_never_with_a_second(rule: Rule) -> None:
    assert "second" not in rule.unit.replace("milliseconds", "")
    if rule.statistic == "Sum" and not rule.share_of:
        assert rule.unit.endswith("a period")
        # One in a period is already too many: right whatever the period's length.
        assert rule.threshold == 0


def test_a_share_is_in_percent_and_needs_no_period() -> None:
    rate = RULES["quarantine-rate"]
    assert (rate.threshold, rate.unit) == (1.0, "percent of events")
    assert rate.metric != rate.share_of


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_an_idle_stream_alarms_nobody(rule: Rule) -> None:
    assert rule.missing in ("notBreaching", "missing")


def test_objectives_move_their_own_threshold_alone() -> None:
    changed = rules(
        Objectives(
            iterator_age_seconds_max=60,
            retention_hours=48,
            retention_percent_max=25,
            quarantine_percent_max=5.0,
        )
    )
    moved = {rule.id for rule in changed if rule.threshold != RULES[rule.id].threshold}
    assert moved == {"iterator-age", "quarantine-rate"}

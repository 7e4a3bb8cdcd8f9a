"""An alarm's state by the rules and both tables that CloudWatch's user guide publishes."""

from collections.abc import Mapping
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.cloudwatch.evaluate import (
    COMPARISONS,
    Missing,
    Rule,
    State,
    Verdict,
    evaluate,
)
from tests.local_aws import aws_rule

PAGE = "CloudWatch user guide, Configuring how CloudWatch alarms treat missing data"
ALONE = "looks at the newest moment alone, and only when a metric is put"
POLICIES: tuple[Missing, ...] = get_args(Missing)
STATES: tuple[State, ...] = get_args(State)
WITHIN, BREACHING = 0.0, 2.0
RETAIN = "retain"

PUBLISHED_3_OF_3 = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", RETAIN, "ALARM", "OK"),
}
PUBLISHED_2_OF_3 = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", RETAIN, "ALARM", "OK"),
}
"""Each row: what the alarm becomes when missing data is missing, ignored, breaching, not so."""

values = st.sampled_from([WITHIN, BREACHING])
states = st.sampled_from(STATES)


def rule(m: int, n: int, missing: Missing = "missing", **more: str | float) -> Rule:
    given_rule = {"comparison": "GreaterThanThreshold", "threshold": 1.0, **more}
    return Rule(
        evaluation_periods=n,
        datapoints_to_alarm=m,
        missing=missing,
        **given_rule,  # type: ignore[arg-type]
    )


def points(drawn: str) -> list[float | None]:
    return [{"0": WITHIN, "X": BREACHING, "-": None}[mark] for mark in drawn.split()]


def judged(drawn: str, judge: Rule, state: State = "OK") -> Verdict:
    return evaluate(judge, points(drawn), state)


def published(table: Mapping[str, tuple[str, ...]]) -> list[tuple[str, Missing, str]]:
    columns: tuple[Missing, ...] = ("missing", "ignore", "breaching", "notBreaching")
    return [
        (drawn, missing, expected)
        for drawn, row in table.items()
        for missing, expected in zip(columns, row, strict=True)
    ]


@aws_rule(
    page=PAGE,
    says="the published table for 3 datapoints to alarm of 3 periods, each missing-data policy",
    alone=ALONE,
)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("drawn", "missing", "expected"), published(PUBLISHED_3_OF_3))
def test_the_published_table_of_3_out_of_3(
    drawn: str, missing: Missing, expected: str, state: State
) -> None:
    wanted = state if expected == RETAIN else expected
    assert judged(drawn, rule(3, 3, missing), state).state == wanted


@aws_rule(
    page=PAGE,
    says="the published table for an M out of N alarm, 2 datapoints to alarm of 3 periods",
    alone=ALONE + "; DatapointsToAlarm is not looked at",
)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("drawn", "missing", "expected"), published(PUBLISHED_2_OF_3))
def test_the_published_table_of_2_out_of_3(
    drawn: str, missing: Missing, expected: str, state: State
) -> None:
    wanted = state if expected == RETAIN else expected
    assert judged(drawn, rule(2, 3, missing), state).state == wanted


@aws_rule(
    page="CloudWatch user guide, Avoiding premature transitions to alarm state",
    says="a breaching datapoint newer than Datapoints to Alarm periods, with none beside it, does"
    " not alarm: the next one may be within",
    alone="alarms at once",
)
@pytest.mark.parametrize("drawn", ["- - - - X", "- - - X -"])
def test_a_lone_new_breach_does_not_alarm(drawn: str) -> None:
    assert judged(drawn, rule(3, 3)).state == "INSUFFICIENT_DATA"
    assert judged(drawn, rule(3, 3, "ignore")).state == "OK"


@aws_rule(
    page="CloudWatch user guide, Avoiding premature transitions to alarm state",
    says="a breach at least as old as Datapoints to Alarm with nothing within since alarms",
    alone="sees the newest point only",
)
def test_an_old_breach_that_nothing_contradicts_alarms() -> None:
    assert judged("- - X - -", rule(3, 3)).state == "ALARM"
    assert judged("- - X - 0", rule(3, 3)).state == "OK"


@aws_rule(
    page=PAGE,
    says="alarms on AWS/DynamoDB metrics ignore missing data whatever TreatMissingData says",
    alone="the policy is not looked at",
)
@pytest.mark.parametrize("missing", POLICIES)
@pytest.mark.parametrize("state", STATES)
def test_dynamodb_ignores_missing_data(missing: Missing, state: State) -> None:
    judge = rule(3, 3, missing, namespace="AWS/DynamoDB")
    assert judged("- - - - -", judge, state).state == state


@pytest.mark.parametrize(
    ("comparison", "at", "above", "below"),
    [
        ("GreaterThanThreshold", "OK", "ALARM", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
        ("LessThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanOrEqualToThreshold", "ALARM", "OK", "ALARM"),
    ],
)
def test_each_operator_at_above_and_below_the_threshold(
    comparison: str, at: str, above: str, below: str
) -> None:
    judge = rule(1, 1, comparison=comparison)
    for value, expected in ((1.0, at), (1.1, above), (0.9, below)):
        assert evaluate(judge, [None, None, value], "OK").state == expected


def test_every_operator_is_covered_above() -> None:
    assert len(COMPARISONS) == 4


@aws_rule(
    page=PAGE,
    says="with as many real datapoints in the evaluation range as evaluation periods, the newest"
    " real ones decide and the policy is not used",
    alone=ALONE,
)
@given(st.lists(st.one_of(st.none(), values), min_size=5, max_size=5), states)
def test_the_policy_never_matters_with_enough_points(
    drawn: list[float | None], state: State
) -> None:
    real = [point for point in drawn if point is not None]
    if len(real) >= 3:
        verdicts = {evaluate(rule(2, 3, missing), drawn, state).state for missing in POLICIES}
        assert verdicts == {"ALARM" if sum(v > 1 for v in real[-3:]) >= 2 else "OK"}


@given(st.lists(st.one_of(st.none(), st.just(WITHIN)), min_size=5, max_size=5), states)
def test_without_a_breach_there_is_no_new_alarm(drawn: list[float | None], state: State) -> None:
    for missing in ("missing", "notBreaching"):
        assert evaluate(rule(3, 3, missing), drawn, state).state != "ALARM"


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 10)), min_size=6, max_size=6),
    st.sampled_from(POLICIES),
    st.integers(1, 4),
    st.tuples(st.floats(0, 10), st.floats(0, 10)).map(sorted),
    states,
)
def test_a_higher_threshold_never_alarms_more(
    drawn: list[float | None], missing: Missing, m: int, thresholds: list[float], state: State
) -> None:
    low, high = thresholds
    if evaluate(rule(m, 4, missing, threshold=high), drawn, state).state == "ALARM":
        assert evaluate(rule(m, 4, missing, threshold=low), drawn, state).state == "ALARM"


@given(st.lists(st.one_of(st.none(), values), min_size=5, max_size=5), st.sampled_from(POLICIES))
def test_only_ignoring_keeps_the_state(drawn: list[float | None], missing: Missing) -> None:
    found = {evaluate(rule(2, 3, missing), drawn, state).state for state in STATES}
    assert len(found) == 1 or (missing == "ignore" and found == set(STATES))


def test_the_reason_says_what_decided() -> None:
    assert judged("0 X X - X", rule(3, 3)).reason == (
        "Threshold Crossed: 3 of the last 3 datapoints [2.0, 2.0, 2.0] were greater than the"
        " threshold (1.0) (minimum 3 to go from OK to ALARM)."
    )
    assert (
        "2 missing datapoints treated as [breaching]"
        in judged("- - X - -", rule(3, 3, "breaching")).reason
    )
    assert judged("- - - - -", rule(3, 3)).reason == "Insufficient Data: 3 datapoints unknown."

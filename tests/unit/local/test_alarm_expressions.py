"""Metric math of alarms: values, missing ones, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.cloudwatch import expressions
from infra.local.cloudwatch.expressions import ExpressionError
from tests.local_aws import aws_rule

PAGE = "CloudWatch user guide, Using math expressions with CloudWatch metrics"
ALONE = "an alarm's Metrics are dropped when it is put, so it never changes state"
A = [1.0, None, 4.0]
B = [2.0, 5.0, 0.0]


def value(expression: str) -> list[float | None]:
    tree = expressions.parse(expression)
    return expressions.evaluate(tree, {"a": A, "b": B}, length=3, period_seconds=60)


@aws_rule(
    page=PAGE,
    says="arithmetic and comparisons are taken period by period; a missing operand or a division"
    " by zero gives a missing datapoint",
    alone=ALONE,
)
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", [3.0, None, 4.0]),
        ("100 * a / b", [50.0, None, None]),
        ("-a - 1", [-2.0, None, -5.0]),
        ("a > b", [0, None, 1]),
        ("b >= 2 AND b != 5", [1, 0, 0]),
        ("b == 0 || b == 5", [0, 1, 1]),
        ("b / PERIOD(b)", [2 / 60, 5 / 60, 0]),
    ],
)
def test_operators(expression: str, expected: list[float | None]) -> None:
    assert value(expression) == expected


@aws_rule(
    page=PAGE,
    says="FILL replaces missing datapoints by a number or by the one before, IF chooses period by"
    " period, and MAX, MIN, SUM and AVG combine several series",
    alone=ALONE,
)
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(a, 0)", [1.0, 0.0, 4.0]),
        ("FILL(a, -1)", [1.0, -1.0, 4.0]),
        ("FILL(a, REPEAT)", [1.0, 1.0, 4.0]),
        ("IF(b > 1, b, 9)", [2.0, 5.0, 9.0]),
        ("IF(a > 1, a, b)", [2.0, None, 4.0]),
        ("MAX([a, b])", [2.0, 5.0, 4.0]),
        ("MIN([a, b])", [1.0, 5.0, 0.0]),
        ("SUM([a, b, b])", [5.0, 10.0, 4.0]),
        ("AVG([a, b])", [1.5, 5.0, 2.0]),
        ("ABS(b - 3)", [1.0, 2.0, 3.0]),
        ("100 * FILL(a, 0) / (FILL(a, 0) + b)", [100 / 3, 0.0, 100.0]),
    ],
)
def test_functions(expression: str, expected: list[float | None]) -> None:
    assert value(expression) == expected


def test_ids_are_named_without_functions_and_words() -> None:
    tree = expressions.parse("IF(FILL(m1, REPEAT) > m2, MAX([m3, m1]), 0)")
    assert expressions.names(tree) == {"m1", "m2", "m3"}


@pytest.mark.parametrize(
    "expression",
    [
        *("", "a +", "a ** b", "a.b", "'a'", "a < b < a", "not a", "lambda: a", "open(a)"),
        *("ANOMALY_DETECTION_BAND(a)", "MAX(a)", "SUM([])", "IF(a, b)"),
        *("FILL(a, LINEAR)", "FILL(a, b)", "FILL(a)"),
    ],
)
def test_what_is_not_evaluated_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match=r"not an expression|not evaluated here"):
        expressions.parse(expression)


@given(st.text(alphabet="ab01+-*/()[]<>=, .ANDORIFLMX", max_size=30))
def test_any_text_is_evaluated_or_refused(expression: str) -> None:
    try:
        tree = expressions.parse(expression)
    except ExpressionError:
        return
    known = dict.fromkeys(expressions.names(tree), B)
    assert len(expressions.evaluate(tree, known, length=3, period_seconds=60)) == 3

"""What an alarm looks at, and how a minute of CloudWatch moves it, in process by a given clock."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from infra.local.cloudwatch import alarms, clock, counters, series
from infra.local.cloudwatch.counters import Counters
from infra.local.cloudwatch.series import Window
from tests.local_aws import aws_rule

NOW = 1_800_000_000.0
MINUTE = 60.0
METRIC = {"Namespace": "N", "MetricName": "M"}
PLAIN = {
    "AlarmName": "a",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
}
EVALUATION = "CloudWatch user guide, Alarm evaluation"
ALONE = "looks at the newest points of every metric of that name"


@pytest.fixture(autouse=True)
def local_cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """CloudWatch of the emulator in this process, empty, with our replacements."""
    for name in (
        "_put_metric_alarm",
        "_put_composite_alarm",
        "_evaluate_alarm",
        "_evaluate_all_alarms",
    ):
        monkeypatch.setattr(cloudwatch, name, getattr(cloudwatch, name))
    alarms.install()
    yield
    cloudwatch.reset()


def put(seconds_ago: float, *values: float, unit: str = "None", **dimensions: str) -> None:
    at = NOW - seconds_ago
    for value in values:
        cloudwatch._store_datum("N", "M", dimensions, at, unit, value, None, None, None)


def put_alarm(**settings: Any) -> tuple[int, dict[str, Any]]:
    """Put an alarm; return the status and the answer."""
    request = {**PLAIN, **METRIC, "Period": 60, "Statistic": "Sum", **settings}
    status, _, body = cloudwatch._put_metric_alarm(
        {}, {key: value for key, value in request.items() if value is not None}, False, True
    )
    return status, json.loads(body)


def seen(length: int = 3, minute_seconds: float = MINUTE, **settings: Any) -> list[float | None]:
    """Return what an alarm with these settings looks at."""
    assert put_alarm(**settings)[0] == 200
    window = Window(end=NOW, length=length, minute_seconds=minute_seconds)
    return series.points(cloudwatch._alarms["a"], window)


def state(name: str = "a") -> str:
    return str(cloudwatch._alarms[name]["StateValue"])


def tick(at: float = NOW, minute_seconds: float = MINUTE) -> None:
    clock.tick(Counters(), at=at, minute_seconds=minute_seconds)


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ({"Statistic": "Sum"}, 10.0),
        ({"Statistic": "Average"}, 2.5),
        ({"Statistic": "Minimum"}, 1.0),
        ({"Statistic": "Maximum"}, 4.0),
        ({"Statistic": "SampleCount"}, 4.0),
        ({"Statistic": None, "ExtendedStatistic": "p50"}, 2.5),
        ({"Statistic": None, "ExtendedStatistic": "p100"}, 4.0),
    ],
)
def test_each_statistic_of_a_period(statistic: dict[str, Any], expected: float) -> None:
    put(10, 1.0, 2.0, 3.0, 4.0)
    put(130, 7.0)
    newest_last = seen(**statistic)
    assert newest_last[1:] == [None, expected]
    assert newest_last[0] is not None


@aws_rule(
    page="CloudWatch user guide, Statistics definitions",
    says="a percentile needs the values: of a statistic set there is none unless all are equal",
    alone="the same",
)
def test_a_percentile_of_a_statistic_set_is_missing() -> None:
    sums = {"SampleCount": 2, "Sum": 5, "Minimum": 1, "Maximum": 4}
    cloudwatch._store_datum("N", "M", {}, NOW - 5, "None", None, None, None, sums)
    assert seen(Statistic="Maximum")[-1] == 4.0
    assert seen(Statistic=None, ExtendedStatistic="p99")[-1] is None


@aws_rule(
    page="CloudWatch user guide, Metrics concepts: dimensions",
    says="each combination of dimensions is a metric of its own",
    alone="adds all of them up",
)
def test_dimensions_match_exactly() -> None:
    put(10, 1.0)
    put(10, 2.0, Of="x")
    put(10, 4.0, Of="x", And="y")
    one = {"Name": "Of", "Value": "x"}
    assert seen()[-1] == 1.0
    assert seen(Dimensions=[one])[-1] == 2.0
    assert seen(Dimensions=[{"Name": "And", "Value": "y"}, one])[-1] == 4.0
    assert seen(Dimensions=[{"Name": "And", "Value": "y"}])[-1] is None


def test_an_alarm_of_one_unit_does_not_see_another() -> None:
    put(10, 1.0, unit="Seconds")
    put(10, 5.0, unit="Count")
    assert seen(Unit="Count")[-1] == 5.0


@aws_rule(
    page=EVALUATION,
    says="an alarm of a longer period is evaluated every minute over a window that slides",
    alone="evaluates when a metric is put",
)
def test_a_long_period_ends_at_the_minute_at_which_it_is_looked_at() -> None:
    put(10, 1.0)
    put(290, 2.0)
    put(310, 4.0)
    assert seen(Period=300) == [None, 4.0, 3.0]


def test_compressed_periods_are_short_and_hold_real_time_stamps() -> None:
    put(0.1, 1.0)
    put(0.6, 2.0)
    assert seen(length=2, minute_seconds=0.5) == [2.0, 1.0]
    assert seen(length=2, minute_seconds=0.5, Period=300) == [None, 3.0]


def math(expression: str, period: int = 60) -> dict[str, Any]:
    stat = {"Metric": METRIC, "Period": period, "Stat": "Sum"}
    one = {"Name": "Of", "Value": "x"}
    other = {**stat, "Metric": {**METRIC, "Dimensions": [one]}}
    queries = [
        {"Id": "result", "Expression": "half + 0", "ReturnData": True},
        {"Id": "half", "Expression": expression, "ReturnData": False},
        {"Id": "m", "MetricStat": stat, "ReturnData": False},
        {"Id": "x", "MetricStat": other, "ReturnData": False},
    ]
    bare = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    return {**bare, "Metrics": queries}


def test_an_expression_reads_metrics_and_other_expressions_in_any_order() -> None:
    put(10, 6.0)
    put(10, 3.0, Of="x")
    put(70, 6.0)
    assert seen(**math("m / x")) == [None, None, 2.0]
    assert seen(**math("m / FILL(x, 3)")) == [None, 2.0, 2.0]
    assert "Statistic" not in cloudwatch._alarms["a"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ComparisonOperator"),
        ({"Statistic": None, "ExtendedStatistic": "tm90"}, "tm90"),
        (math("m + gone"), "not among the metrics"),
        (math("result"), "not among the metrics"),
        (math("SEARCH(m)"), "not evaluated here"),
        ({**math("m"), "Metrics": math("m")["Metrics"][1:]}, "exactly one"),
    ],
)
def test_what_could_not_be_evaluated_is_refused(settings: dict[str, Any], why: str) -> None:
    status, answer = put_alarm(**settings)
    assert status == 400
    assert why in json.dumps(answer)
    assert "a" not in cloudwatch._alarms


def put_composite(rule: str, **settings: Any) -> int:
    data = {"AlarmName": "c", "AlarmRule": rule, **settings}
    status: int = cloudwatch._put_composite_alarm({}, data, False, True)[0]
    return status


@aws_rule(
    page="CloudWatch user guide, Create a composite alarm",
    says="a rule combines states of alarms by AND, OR, NOT, TRUE and FALSE; AND binds closer",
    alone="the same",
)
@pytest.mark.parametrize(
    ("rule", "on"),
    [
        ("ALARM(bad)", True),
        ("ALARM(good)", False),
        ("OK(good) AND NOT ALARM(good)", True),
        ("INSUFFICIENT_DATA(new) AND ALARM(bad)", True),
        ("ALARM(bad) OR ALARM(good) AND ALARM(good)", True),
        ("(ALARM(bad) OR ALARM(good)) AND ALARM(good)", False),
        ("NOT (ALARM(good) OR FALSE) AND TRUE", True),
    ],
)
def test_a_composite_rule_is_read_as_aws_reads_it(rule: str, on: bool) -> None:
    put(10, 5.0)
    put_alarm(AlarmName="bad")
    put_alarm(AlarmName="good", Threshold=9.0)
    tick()
    put_alarm(AlarmName="new")
    assert put_composite(rule) == 200
    assert cloudwatch._composite_alarms["c"]["StateValue"] == ("ALARM" if on else "OK")


def test_a_suppressor_is_refused_not_forgotten() -> None:
    put_alarm()
    assert put_composite("ALARM(a)", ActionsSuppressor="a") == 400
    assert "c" not in cloudwatch._composite_alarms


@aws_rule(
    page="CloudWatch API reference, SetAlarmState",
    says="a state that was set lasts until the alarm is evaluated next",
    alone="lasts until a metric is put",
)
def test_a_state_that_was_set_lasts_until_the_next_minute() -> None:
    put_alarm(TreatMissingData="notBreaching")
    tick()
    data = {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "a drill"}
    cloudwatch._set_alarm_state({}, data, False, True)
    assert state() == "ALARM"
    tick(NOW + MINUTE)
    assert state() == "OK"


def test_putting_an_alarm_again_keeps_its_state_and_evaluates_nothing() -> None:
    put(10, 5.0)
    put_alarm()
    assert state() == "INSUFFICIENT_DATA"
    tick()
    assert state() == "ALARM"
    put_alarm(Threshold=100.0)
    assert state() == "ALARM"
    tick()
    assert state() == "OK"


def test_alarms_of_every_account_and_region_see_their_own_metrics() -> None:
    put(10, 5.0)
    for account, region in (("111111111111", "us-east-1"), ("000000000000", "eu-west-1")):
        with request_scope(account, region):
            put_alarm(TreatMissingData="notBreaching")
    put_alarm()
    tick()
    assert state() == "ALARM"
    for account, region in (("111111111111", "us-east-1"), ("000000000000", "eu-west-1")):
        with request_scope(account, region):
            assert state() == "OK"


def test_what_is_counted_becomes_one_statistic_set_in_the_minute_that_ended() -> None:
    counted = Counters()
    for value in (1.0, 5.0, 3.0):
        counted.observe("N", ("Of", "x"), {"M": (value, "Count")})
    clock.tick(counted, at=NOW, minute_seconds=MINUTE)
    [point] = cloudwatch._metrics[("N", "M", "Of=x")]
    assert NOW - MINUTE < point["Timestamp"] < NOW
    assert point["_stat"] == {"SampleCount": 3, "Sum": 9.0, "Minimum": 1.0, "Maximum": 5.0}
    clock.tick(counted, at=NOW + MINUTE, minute_seconds=MINUTE)
    assert len(cloudwatch._metrics[("N", "M", "Of=x")]) == 1


def test_points_that_nothing_looks_at_any_more_are_forgotten() -> None:
    kept = counters.KEPT_SECONDS_MIN
    for seconds_ago in (kept + 1, kept - 1, 1):
        put(seconds_ago, 1.0)
    tick()
    assert len(cloudwatch._metrics[("N", "M", "")]) == 2
    put_alarm(Period=86_400)
    tick(NOW + 2 * kept)
    assert len(cloudwatch._metrics[("N", "M", "")]) == 2

"""Alarms of a real local AWS, its minute compressed: states, messages, policies, math."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_aws import aws_rule

ALARMS = "CloudWatch user guide, Using Amazon CloudWatch alarms"
MATH = "CloudWatch user guide, Alarms on math expressions"
COMPARISON = {"ComparisonOperator": "GreaterThanThreshold"}


@aws_rule(
    page=ALARMS,
    says="an alarm starts with INSUFFICIENT_DATA, is evaluated by the minute, invokes the actions"
    " of the state that it enters, and leaves ALARM by itself",
    alone="evaluates only when a metric is put, so that nothing leaves ALARM by itself",
)
def test_an_alarm_tells_when_trouble_comes_and_when_it_goes(watch: Any) -> None:
    topic, messages = watch.subscriber("told")
    watch.alarm(
        "told",
        Namespace="Test",
        MetricName="Trouble",
        Dimensions=[{"Name": "Of", "Value": "told"}],
        Statistic="Sum",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
        OKActions=[topic],
    )
    watch.becomes("told", "ALARM", lambda: watch.put("Trouble", 5.0, Of="told"))
    described = watch.described("told")
    assert json.loads(described["StateReasonData"])["recentDatapoints"]
    assert "greater than the threshold (1.0)" in described["StateReason"]
    watch.becomes("told", "OK")
    told_last(watch, messages, "ALARM", "OK")
    changes = watch.changes("told")
    assert "Alarm updated from ALARM to OK" in changes
    assert [change for change in changes if change.startswith("Alarm updated from INSUFFICIENT")]


def told_last(watch: Any, messages: Callable[[], list[dict[str, Any]]], *states: str) -> None:
    """Wait until these are the last states that a subscriber was told of."""
    last = slice(-len(states), None)
    watch.lab.wait_for(lambda: tuple(m["NewStateValue"] for m in messages()[last]) == states)


@aws_rule(
    page=ALARMS,
    says="an alarm evaluates the one metric whose dimensions are all its own",
    alone="takes every metric of that name, whatever its dimensions",
)
def test_an_alarm_sees_its_own_dimensions_alone(watch: Any) -> None:
    names = {"Namespace": "Test", "MetricName": "Mine", "Statistic": "Maximum"}
    watch.alarm("mine", Dimensions=[{"Name": "Of", "Value": "me"}], **names)
    watch.alarm("bare", **names)
    watch.becomes("mine", "ALARM", lambda: watch.put("Mine", 5.0, Of="me"))
    assert watch.described("bare")["StateValue"] == "INSUFFICIENT_DATA"


@aws_rule(
    page="CloudWatch user guide, Configuring how CloudWatch alarms treat missing data",
    says="TreatMissingData decides the state of an alarm without data",
    alone="the policy is stored and not looked at",
)
def test_silence_is_treated_as_the_alarm_says(watch: Any) -> None:
    silent = {"Namespace": "Test", "MetricName": "Silent", "Statistic": "Sum"}
    for policy in ("missing", "ignore", "breaching", "notBreaching"):
        watch.alarm(f"silent-{policy}", TreatMissingData=policy, **silent)
    watch.becomes("silent-breaching", "ALARM")
    watch.becomes("silent-notBreaching", "OK")
    for policy in ("missing", "ignore"):
        assert watch.described(f"silent-{policy}")["StateValue"] == "INSUFFICIENT_DATA"


def query(name: str, metric: str) -> dict[str, Any]:
    wanted = {"Namespace": "Test", "MetricName": metric}
    stat = {"Metric": wanted, "Period": 60, "Stat": "Sum"}
    return {"Id": name, "MetricStat": stat, "ReturnData": False}


@aws_rule(
    page=MATH,
    says="an alarm evaluates the expression that returns data, over metrics of one period",
    alone="the alarm's Metrics are dropped when it is put, so it never changes state",
)
def test_an_alarm_on_a_share_of_two_metrics(watch: Any) -> None:
    share = {"Id": "share", "Expression": "100 * part / whole", "ReturnData": True}
    math = [share, query("part", "Bad"), query("whole", "All")]
    put = {**COMPARISON, "Metrics": math, "EvaluationPeriods": 1, "Threshold": 40}
    watch.client.put_metric_alarm(AlarmName="share", TreatMissingData="notBreaching", **put)
    assert [one["Id"] for one in watch.described("share")["Metrics"]] == ["share", "part", "whole"]

    def half_bad() -> None:
        watch.put("All", 10.0)
        watch.put("Bad", 5.0)

    watch.becomes("share", "ALARM", half_bad)
    watch.becomes("share", "OK", lambda: watch.put("All", 10.0))


def test_math_that_is_not_evaluated_here_is_refused_when_it_is_put(watch: Any) -> None:
    for expression, why in (("RATE(part)", "not evaluated here"), ("part + gone", "not among")):
        math = [{"Id": "e", "Expression": expression}, query("part", "Bad")]
        with pytest.raises(watch.client.exceptions.ClientError, match=why):
            watch.client.put_metric_alarm(
                AlarmName="refused", Metrics=math, EvaluationPeriods=1, Threshold=1, **COMPARISON
            )


@aws_rule(
    page="CloudWatch user guide, Create a composite alarm",
    says="a composite alarm follows the states of the alarms in its rule and has its own actions",
    alone="the same, but its children do not return to OK by themselves",
)
def test_a_composite_alarm_follows_its_children(watch: Any) -> None:
    topic, messages = watch.subscriber("page")
    for child in ("left", "right"):
        names = {"Namespace": "Test", "MetricName": child, "Statistic": "Sum"}
        watch.alarm(child, TreatMissingData="notBreaching", **names)
    rule = 'ALARM("left") OR (ALARM("right") AND NOT OK("left"))'
    put = {"AlarmName": "page", "AlarmRule": rule, "AlarmActions": [topic], "OKActions": [topic]}
    watch.client.put_composite_alarm(**put)
    watch.becomes("page", "OK")
    watch.becomes("right", "ALARM", lambda: watch.put("right", 5.0))
    assert watch.described("page")["StateValue"] == "OK"
    watch.becomes("page", "ALARM", lambda: watch.put("left", 5.0))
    watch.becomes("page", "OK")
    told_last(watch, messages, "ALARM", "OK")

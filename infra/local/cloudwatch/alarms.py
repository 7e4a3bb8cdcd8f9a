"""Alarms of the emulator, evaluated once a minute by AWS's rules and moved as SetAlarmState moves.

What ministack 1.5.33 does instead (its `services/cloudwatch.py`; facts.md, 2): it looks at an alarm
only when a metric is put, whatever its dimensions, missing-data policy and datapoints to alarm, so
nothing returns to OK by itself, and it drops an alarm's metric math. Its SetAlarmState is right: it
writes the history, sends the alarm's SNS actions and moves composite alarms.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import logging
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from infra.local.cloudwatch import series
from infra.local.cloudwatch.evaluate import Verdict, evaluate
from infra.local.cloudwatch.series import Alarm, Window

Answer = tuple[int, dict[str, str], bytes]

_log = logging.getLogger(__name__)
_put_metric_alarm = cloudwatch._put_metric_alarm
_put_composite_alarm = cloudwatch._put_composite_alarm
_OF_ONE_METRIC = (
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Dimensions",
    "Unit",
)


def put_metric_alarm(
    params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False
) -> Answer:
    """Put an alarm with all that it looks at, unless the local AWS could not evaluate it.

    It keeps its state; a new one has INSUFFICIENT_DATA until it is evaluated.
    """
    if data and (why := series.problem({"Statistic": "Average", **data})):
        return _refusal(why, is_cbor, is_json)
    answer: Answer = _put_metric_alarm(params, data, is_cbor, is_json)
    if answer[0] == 200 and data.get("Metrics"):
        alarm = cloudwatch._alarms[data["AlarmName"]]
        for name in _OF_ONE_METRIC:
            alarm.pop(name, None)
        alarm["Metrics"] = data["Metrics"]
    return answer


def put_composite_alarm(
    params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False
) -> Answer:
    """Put a composite alarm; ministack's rules of those are AWS's, but it has no suppressor."""
    if data.get("ActionsSuppressor"):
        return _refusal("ActionsSuppressor is not done by the local AWS", is_cbor, is_json)
    answer: Answer = _put_composite_alarm(params, data, is_cbor, is_json)
    return answer


def evaluate_all(*, at: float, minute_seconds: float) -> None:
    """Evaluate every account's and region's alarms over the periods up to `at`."""
    for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
        with request_scope(account, region):
            for alarm in cloudwatch._alarms.values():
                try:
                    _evaluate(alarm, at=at, minute_seconds=minute_seconds)
                except Exception:
                    _log.exception("alarm %s could not be evaluated", alarm["AlarmName"])


def reach_seconds(*, minute_seconds: float) -> float:
    """Return how far back the alarm that looks back furthest does, in real seconds."""
    alarms = list(cloudwatch._alarms._data.values())
    return max(
        (series.reach_seconds(alarm, minute_seconds=minute_seconds) for alarm in alarms),
        default=0.0,
    )


def leave_alone(*_alarm: Alarm) -> None:
    """Evaluate nothing when something is put: the minute does."""


def install() -> None:
    """Put the replacements where ministack looks its own up."""
    cloudwatch._put_metric_alarm = put_metric_alarm
    cloudwatch._put_composite_alarm = put_composite_alarm
    cloudwatch._evaluate_alarm = leave_alone
    cloudwatch._evaluate_all_alarms = leave_alone


def _refusal(why: str, is_cbor: bool, is_json: bool) -> Answer:
    answer: Answer = cloudwatch._error(
        "ValidationError", why, 400, use_json=is_json, use_cbor=is_cbor
    )
    return answer


def _evaluate(alarm: Alarm, *, at: float, minute_seconds: float) -> None:
    rule = series.rule_of(alarm)
    window = Window(end=at, length=rule.evaluation_range, minute_seconds=minute_seconds)
    verdict = evaluate(rule, series.points(alarm, window), alarm["StateValue"])
    if verdict.state == alarm["StateValue"]:
        return
    cloudwatch._set_alarm_state(
        {},
        {
            "AlarmName": alarm["AlarmName"],
            "StateValue": verdict.state,
            "StateReason": verdict.reason,
            "StateReasonData": json.dumps(_reason_data(alarm, verdict, at=at)),
        },
        is_cbor=False,
        is_json=True,
    )


def _reason_data(alarm: Alarm, verdict: Verdict, *, at: float) -> dict[str, Any]:
    """Return what CloudWatch says, as data, of the points that it used."""
    return {
        "version": "1.0",
        "queryDate": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "statistic": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
        "period": series.period_seconds(alarm),
        "recentDatapoints": list(verdict.evaluated),
        "threshold": alarm["Threshold"],
    }

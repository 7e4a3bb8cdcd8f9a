"""What watches a deployed stack: alarms, pages, dashboard, probe and auditor."""

import json
from collections.abc import Callable
from typing import Any

import pytest


def test_every_alarm_tells_the_topic(stack: Any, client: Callable[[str], Any]) -> None:
    names = stack.outputs["alarms"]
    answer = client("cloudwatch").describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    told = {"MetricAlarms": "topic_arn", "CompositeAlarms": "pages_topic_arn"}
    assert sorted(a["AlarmName"] for kind in told for a in answer[kind]) == sorted(names)
    for kind, topic in told.items():
        for alarm in answer[kind]:
            assert alarm["AlarmActions"] == alarm["OKActions"] == [stack.outputs[topic]]


def test_a_page_follows_its_members_and_tells_once_however_many_there_are(
    stack: Any, client: Callable[[str], Any]
) -> None:
    cloudwatch, prefix = client("cloudwatch"), f"sluice-{stack.stack}"
    page = f"{prefix}-lake-is-late"

    def state() -> str:
        (found,) = cloudwatch.describe_alarms(AlarmNames=[page], AlarmTypes=["CompositeAlarm"])[
            "CompositeAlarms"
        ]
        return str(found["StateValue"])

    members = (f"{prefix}-oldest-event-age", f"{prefix}-iterator-age")
    seen = [state()]
    for value in ("ALARM", "OK"):
        for member in members:
            cloudwatch.set_alarm_state(
                AlarmName=member, StateValue=value, StateReason="a test of the page"
            )
            seen.append(state())
    assert seen == ["OK", "ALARM", "ALARM", "ALARM", "OK"]


def test_the_dashboard_is_there_with_every_alarm(stack: Any, client: Callable[[str], Any]) -> None:
    answer = client("cloudwatch").get_dashboard(DashboardName=stack.outputs["dashboard"])
    alarms, *_ = json.loads(answer["DashboardBody"])["widgets"]
    shown = [arn.rpartition(":")[2] for arn in alarms["properties"]["alarms"]]
    assert sorted(shown) == sorted(stack.outputs["alarms"])


@pytest.mark.parametrize(
    ("kind", "schedule"), [("probe", "rate(1 minute)"), ("auditor", "rate(5 minutes)")]
)
def test_probe_and_auditor_are_on_schedules(
    stack: Any, client: Callable[[str], Any], kind: str, schedule: str
) -> None:
    name = stack.outputs[f"{kind}_function_name"]
    rule = client("events").describe_rule(Name=name)
    assert (rule["ScheduleExpression"], rule["State"]) == (schedule, "ENABLED")
    (target,) = client("events").list_targets_by_rule(Rule=name)["Targets"]
    assert target["Arn"].endswith(f":{name}:live")

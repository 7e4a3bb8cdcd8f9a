"""What watches a stack, under the settings of every committed stack."""

import re
from collections.abc import Callable
from typing import Any

SINGLE_ALARMS = 16
COMPOSITES = 2


def test_every_alarm_tells_of_trouble_and_of_its_end(registered: Any) -> None:
    topic = registered.resources["alarms"].outputs["arn"]
    alarms = registered.of_type("MetricAlarm")
    assert len(alarms) == SINGLE_ALARMS
    for alarm in alarms:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [topic]
        rule = alarm.name.removeprefix("alarms-")
        assert f"runbooks/{rule}.md" in alarm.inputs["alarmDescription"]
        assert alarm.inputs["treatMissingData"] in ("notBreaching", "missing")
        silence_tells = alarm.inputs.get("insufficientDataActions") == [topic]
        assert silence_tells == (alarm.inputs["treatMissingData"] == "missing")


def test_every_composite_pages_once_and_nobody_else_is_told(registered: Any) -> None:
    pages = registered.resources["alarms-pages"].outputs["arn"]
    assert pages != registered.resources["alarms"].outputs["arn"]
    names = {alarm.inputs["name"] for alarm in registered.of_type("MetricAlarm")}
    composites = registered.of_type("CompositeAlarm")
    assert len(composites) == COMPOSITES
    for composite in composites:
        assert composite.inputs["alarmActions"] == composite.inputs["okActions"] == [pages]
        assert set(re.findall(r'ALARM\("([^"]+)"\)', composite.inputs["alarmRule"])) < names
        page = composite.name.removeprefix("alarms-")
        assert f"runbooks/{page}.md" in composite.inputs["alarmDescription"]


def test_probe_and_auditor_are_on_schedules_of_their_own(registered: Any) -> None:
    schedules = {"probe": "rate(1 minute)", "auditor": "rate(5 minutes)"}
    for kind, schedule in schedules.items():
        assert registered.inputs(f"{kind}-rule")["scheduleExpression"] == schedule
        alias = registered.resources[f"{kind}-alias"].outputs["arn"]
        assert registered.inputs(f"{kind}-target")["arn"] == alias


def test_a_stack_without_an_auditor_has_none_of_its_alarms(register: Callable[..., Any]) -> None:
    registered = register({"audit_minutes": "0"})
    assert not [name for name in registered.resources if name.startswith("auditor")]
    made = set(registered.resources)
    assert not made & {"alarms-conservation-broken", "alarms-duplicates-found"}
    assert "auditor_function_name" not in registered.outputs

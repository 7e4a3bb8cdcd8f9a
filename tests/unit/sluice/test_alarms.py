"""Which of a stack's alarms are meant by an id."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.errors import OperatingError, UserError
from sluice import alarms, functions
from sluice.stack import Stack
from tests.stubbed import stubbed

STATES = {"broker-disk": "OK", "broker-disk-2": "ALARM", "broker-down": "ALARM"}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose CloudWatch answers once."""
    client, stubber = stubbed("cloudwatch")
    told: list[dict[str, Any]] = [
        {"AlarmName": f"ours-prod-{id_}", "StateValue": state} for id_, state in STATES.items()
    ]
    stubber.add_response(
        "describe_alarms", {"MetricAlarms": told}, {"AlarmNames": ANY, "AlarmTypes": ANY}
    )
    monkeypatch.setattr(functions, "client", lambda *_: client)
    outputs = {
        "stream_name": "ours-prod-events",
        "alarms": [f"ours-prod-{id_}" for id_ in STATES],
    }
    return Stack(name="prod", folder=Path("prod"), outputs=outputs, endpoint=None)


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ((), list(STATES)),
        (("broker-disk",), ["broker-disk", "broker-disk-2"]),
        (("broker-disk-2",), ["broker-disk-2"]),
        (("broker-down",), ["broker-down"]),
    ],
)
def test_an_id_stands_for_all_parts_of_its_alarm(
    stack: Stack, ids: Sequence[str], found: list[str]
) -> None:
    assert [alarm.id for alarm in alarms.read(stack, ids)] == found


def test_one_waits_for_all_parts_of_an_alarm(stack: Stack) -> None:
    with pytest.raises(OperatingError, match="still on after 0 s: broker-disk-2"):
        alarms.wait_until_off(stack, ["broker-disk"], seconds_max=0)


def test_an_id_of_no_alarm_is_named_with_those_there_are(stack: Stack) -> None:
    with pytest.raises(UserError, match="no alarm broker-full; there are broker-disk, broker-d"):
        alarms.read(stack, ["broker-full"])

"""Say which alarms are on, since when and why, and wait until they are off."""

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import rich_click as click

from pipeline.errors import OperatingError, UserError
from sluice import functions
from sluice import stack as stacks
from sluice.console import result, result_json, say
from sluice.options import json_option, stack_option
from sluice.stack import Stack

LOOK_SECONDS: Final = 1.0
HISTORY_MAX: Final = 20
ON: Final = "ALARM"
NUMBER: Final = re.compile(r"-\d+$")
"""Ends the id of an alarm whose metrics one alarm cannot hold: broker-disk, broker-disk-2, ..."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm as CloudWatch tells it."""

    id: str
    name: str
    state: str
    since: str
    reason: str

    @property
    def runbook(self) -> str:
        """Return its runbook: of the same id, but for the number of one of several that are one."""
        return runbook_of(self.id)


def id_of(stack: Stack, name: str) -> str:
    """Return the id of an alarm by its name."""
    return name.removeprefix(f"{stack.prefix}-")


def runbook_of(alarm_id: str) -> str:
    """Return the id of the alarm that this one is a part of, as a rule its own."""
    return NUMBER.sub("", alarm_id)


def read(stack: Stack, ids: Sequence[str] = ()) -> list[Alarm]:
    """Return the stack's alarms, or those of these ids and their parts, in the program's order.

    Raises UserError for an unknown id, OperatingError.
    """
    names = [str(name) for name in stack.outputs["alarms"]]
    by_id = {id_of(stack, name): name for name in names}
    if unknown := [each for each in ids if each not in by_id]:
        raise UserError(f"there is no alarm {', '.join(unknown)}; there are {', '.join(by_id)}")
    client = functions.client(stack, "cloudwatch")
    with functions.told("read the alarms"):
        pages = list(
            client.get_paginator("describe_alarms").paginate(
                AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        )
    told = {
        alarm["AlarmName"]: alarm
        for page in pages
        for kind in ("MetricAlarms", "CompositeAlarms")
        for alarm in page.get(kind, [])
    }
    return [
        Alarm(
            id=alarm_id,
            name=name,
            state=told[name]["StateValue"],
            since=str(told[name].get("StateUpdatedTimestamp", ""))[:19],
            reason=told[name].get("StateReason", ""),
        )
        for alarm_id, name in by_id.items()
        if name in told and (not ids or alarm_id in ids or runbook_of(alarm_id) in ids)
    ]


def wait_until_off(stack: Stack, ids: Sequence[str], *, seconds_max: float) -> list[Alarm]:
    """Block until none of these alarms is on, and return them.

    Raises OperatingError with those that still are when `seconds_max` are over.
    """
    deadline = time.monotonic() + seconds_max
    found = read(stack, ids)
    while on := [alarm for alarm in found if alarm.state == ON]:
        if time.monotonic() >= deadline:
            names = ", ".join(alarm.id for alarm in on)
            raise OperatingError(f"still on after {seconds_max:.0f} s: {names} ({on[0].reason})")
        time.sleep(LOOK_SECONDS)
        found = read(stack, ids)
    return found


def history(stack: Stack, name: str) -> list[tuple[str, str]]:
    """Return time and summary of an alarm's last changes of state, newest first."""
    with functions.told(f"read the history of {name}"):
        answer: Any = functions.client(stack, "cloudwatch").describe_alarm_history(
            AlarmName=name,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            HistoryItemType="StateUpdate",
            MaxRecords=HISTORY_MAX,
        )
    return [(str(i["Timestamp"])[:19], i["HistorySummary"]) for i in answer["AlarmHistoryItems"]]


@click.command(help=__doc__)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@stack_option
@click.option("--wait", type=float, metavar="SECONDS", help="Wait until they are off, so long.")
@click.option("--history", "with_history", is_flag=True, help="Also show each one's last changes.")
@json_option
@click.pass_obj
def alarms(
    home: Path,
    stack: str,
    ids: tuple[str, ...],
    *,
    wait: float | None,
    with_history: bool,
    as_json: bool,
) -> None:
    """Print a row an alarm, and the runbook of each that is on."""
    found = stacks.find(home, stack)
    told = read(found, ids) if wait is None else wait_until_off(found, ids, seconds_max=wait)
    if as_json:
        result_json({"alarms": [asdict(alarm) for alarm in told]})
        return
    for alarm in told:
        result(f"{alarm.id:22} {alarm.state:17} since {alarm.since} UTC")
        if alarm.state == ON:
            result(f"    {alarm.reason}")
        for at, summary in history(found, alarm.name) if with_history else ():
            result(f"    {at}  {summary}")
    on = [alarm for alarm in told if alarm.state == ON]
    result(f"alarms: {len(told)}, on: {', '.join(alarm.id for alarm in on) or 'none'}")
    for alarm in on:
        say(f"next: ./dev sluice runbook run {alarm.runbook} --stack {stack}")

"""When a stack's alarms were on, from CloudWatch's own history."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from loadtests.report.facts import AlarmSpan
from sluice import functions
from sluice.alarms import ON, id_of
from sluice.stack import Stack


def alarm_spans(stack: Stack, *, since_ms: int) -> tuple[AlarmSpan, ...]:
    """Return the times since then in which an alarm of the stack was on, by their start.

    Raises OperatingError when CloudWatch cannot be read.
    """
    pages = (
        functions.client(stack, "cloudwatch")
        .get_paginator("describe_alarm_history")
        .paginate(
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            HistoryItemType="StateUpdate",
            StartDate=datetime.fromtimestamp(since_ms / 1_000, UTC),
            EndDate=datetime.now(UTC),
            ScanBy="TimestampAscending",
        )
    )
    with functions.told(f"read the alarms of {stack.name}"):
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
    return spans(
        items, names={name: id_of(stack, name) for name in stack.outputs.get("alarms", ())}
    )


def spans(items: Iterable[Mapping[str, Any]], *, names: Mapping[str, str]) -> tuple[AlarmSpan, ...]:
    """Return the spans of history items (oldest first) of the alarms in `names`, by their ids.

    `items` are AlarmHistoryItem structures (CloudWatch API reference): `HistoryData` is JSON with
    `newState.stateValue`.
    """
    began: dict[str, int] = {}
    found: list[AlarmSpan] = []
    for item in items:
        name = names.get(item["AlarmName"])
        if name is None:
            continue
        at_ms = int(item["Timestamp"].timestamp() * 1_000)
        if json.loads(item["HistoryData"])["newState"]["stateValue"] == ON:
            began.setdefault(name, at_ms)
        elif name in began:
            found.append(AlarmSpan(name=name, from_ms=began.pop(name), until_ms=at_ms))
    found += (AlarmSpan(name=name, from_ms=at, until_ms=None) for name, at in began.items())
    return tuple(sorted(found, key=lambda span: (span.from_ms, span.name)))

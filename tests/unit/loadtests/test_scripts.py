"""Scripts: what is sent is a real event of its contract, with the checksum of its fields."""

import json
import re
from typing import Any

import pytest

from loadtests.actions import Visitor
from loadtests.plan import SourceKind, SourcePlan
from loadtests.scripts import Rendered, render_events, script_of
from pipeline.audit.checksum import checksum
from pipeline.core.contract import Contract
from pipeline.domain.contracts import ACTIONS, DEPARTURES, PLANE_CHANGES

NOW_MS = 1_795_000_000_000
EVENTS = 5_000
TYPES = {"string": str, "int64": int, "timestamp_ms": int}


def rendered(kind: SourceKind) -> tuple[Rendered, Contract]:
    times = range(NOW_MS, NOW_MS + EVENTS)
    if kind == "actions":
        visitor = Visitor(run="run1", producer="web-0", number=0)
        return render_events([visitor.act(n, ms) for n, ms in enumerate(times)], ACTIONS), ACTIONS
    source = SourcePlan(producer=f"{kind}-0", kind=kind, events=2_000)
    script = script_of("run1", source)
    return script.render(0, times), script.contract


def problems(event: dict[str, Any], contract: Contract) -> list[str]:
    found = [f"{name} is unknown" for name in event.keys() - {f.name for f in contract.fields}]
    for field in contract.fields:
        value = event.get(field.name)
        if value is None:
            found += [f"{field.name} is missing"] * field.required
        elif type(value) is not TYPES[field.type]:
            found.append(f"{field.name} is {value!r}")
        elif isinstance(value, str):
            too_long = len(value.encode()) > field.max_bytes
            if too_long or (field.one_of and value not in field.one_of):
                found.append(f"{field.name} is {value!r}")
        elif not (field.minimum or value) <= value <= (field.maximum or value):
            found.append(f"{field.name} is {value!r}")
    return found


@pytest.mark.parametrize("kind", ["departures", "planes", "actions"])
def test_every_event_keeps_its_contract_and_has_the_checksum_of_its_fields(
    kind: SourceKind,
) -> None:
    events, contract = rendered(kind)
    for number, body in enumerate(events.bodies):
        event = json.loads(body)
        assert problems(event, contract) == []
        assert body.startswith(b'{"type":"%s"' % contract.table.encode())
        assert events.ids[number] == event["id"]
        assert events.keys[number] == event[contract.key_field]
        assert int(events.checksums[number]) == checksum(event, contract)
        assert event["sequence"] == number
        assert event["event_time"] == NOW_MS + number
    assert len(set(events.ids)) == EVENTS
    assert len(set(map(len, events.ids))) == 1
    assert len(events.keys) == len(events.bodies) == len(events.checksums) == EVENTS


def test_an_event_has_about_three_hundred_bytes() -> None:
    events, _ = rendered("departures")
    assert 280 <= sum(map(len, events.bodies)) / EVENTS <= 360


def test_a_replay_starts_again_from_the_first_departure_under_new_ids() -> None:
    script = script_of("run1", SourcePlan(producer="departures-0", kind="departures", events=100))
    again = script.render(98, [NOW_MS] * 5)
    first = script.render(0, [NOW_MS] * 3)
    assert again.keys[2:] == first.keys
    assert not set(again.ids) & set(first.ids)
    strip = re.compile(rb'"id":"[^"]*"|"sequence":\d+')
    assert [strip.sub(b"", b) for b in again.bodies[2:]] == [
        strip.sub(b"", b) for b in first.bodies
    ]


def test_departures_are_replayed_in_the_order_they_were_scheduled() -> None:
    events, _ = rendered("departures")
    scheduled = [json.loads(body)["scheduled_departure"] for body in events.bodies[:2_000]]
    assert scheduled == sorted(scheduled)


def test_an_aircraft_is_replayed_by_one_producer_only() -> None:
    aircraft = [
        set(script_of("run1", source).render(0, [NOW_MS] * 2_000).keys)
        for number in range(2)
        for source in [
            SourcePlan(
                producer=f"departures-{number}",
                kind="departures",
                events=2_000,
                slice=number,
                slices=2,
            )
        ]
    ]
    assert len(aircraft[0]) > 100
    assert len(aircraft[1]) > 100
    assert not aircraft[0] & aircraft[1]


def test_planes_are_a_snapshot_and_then_updates() -> None:
    events, _ = rendered("planes")
    operations = [json.loads(body)["operation"] for body in events.bodies]
    assert operations == ["create"] * 3_322 + ["update"] * (EVENTS - 3_322)


def test_a_visitor_searches_before_booking_and_the_same_seed_acts_the_same() -> None:
    first, second = (Visitor(run="run1", producer="web-0", number=3) for _ in range(2))
    acts = [first.act(number, NOW_MS) for number in range(500)]
    assert acts == [second.act(number, NOW_MS) for number in range(500)]
    seen: dict[str, list[str]] = {}
    for act in acts:
        seen.setdefault(act["session"], []).append(act["action"])
    assert all(actions[:2] == ["search", "view"] for actions in list(seen.values())[:-1])
    assert {action for actions in seen.values() for action in actions} == set(
        next(field for field in ACTIONS.fields if field.name == "action").one_of
    )


def test_the_contracts_of_the_scripts_are_the_domains() -> None:
    assert [rendered(kind)[1] for kind in ("departures", "planes")] == [DEPARTURES, PLANE_CHANGES]

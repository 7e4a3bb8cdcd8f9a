"""Plans: every event is given to exactly one producer, and a wrong plan is said to be wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.plan import WEB_USER_RATE_MAX, Plan
from pipeline.errors import UserError

GIVEN = {"run": "run1", "connection": {"kind": "kinesis", "stream": "stream"}, "rate": 1_000}


@given(st.integers(1, 100_000), st.integers(1, 8), st.integers(0, 50))
def test_the_parts_add_up_to_the_events_that_were_asked_for(
    events: int, producers: int, web_users: int
) -> None:
    plan = Plan.of(events=events, producers=producers, web_users=web_users, **GIVEN)
    sources = [source for part in plan.parts for source in part.sources]
    assert sum(source.events for source in sources) == plan.events == events
    assert all(source.events > 0 for source in sources)
    assert len({source.producer for source in sources}) == len(sources)
    assert len({part.name for part in plan.parts}) == len(plan.parts)


def test_a_load_has_departures_changes_of_planes_and_web_actions() -> None:
    plan = Plan.of(seconds=10, producers=2, web_users=5, poison=3, **GIVEN)
    assert [part.name for part in plan.parts] == ["departures-0", "departures-1", "web-0"]
    first, second, web = plan.parts
    assert [source.kind for source in first.sources] == ["departures", "planes"]
    assert (first.sources[0].poison, second.sources[0].poison) == (3, 0)
    assert ([source.kind for source in web.sources], web.users) == (["actions"], 5)


def test_web_users_act_no_faster_than_visitors_do() -> None:
    fast = GIVEN | {"rate": 40_000}
    few, many = (Plan.of(seconds=10, web_users=users, **fast) for users in (5, 500))
    assert few.parts[-1].sources[0].events == 5 * WEB_USER_RATE_MAX * 10
    assert many.parts[-1].sources[0].events == 0.05 * many.events


def test_a_plan_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    plan = Plan.of(events=7, where={"region_name": "eu-west-1"}, **GIVEN)
    plan.write(tmp_path)
    assert Plan.read(tmp_path) == plan


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "one of them"),
        ({"events": 1, "seconds": 1}, "one of them"),
        ({"events": 0}, "at least one"),
        ({"seconds": 1, "rate": 0}, "rate"),
        ({"seconds": 1, "run": "a/b"}, "run"),
        ({"seconds": 1, "shape": "spiky"}, "shape"),
        ({"seconds": 1, "speed": 1}, "speed"),
        ({"events": 5, "poison": 5}, "poison"),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_wrong(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Plan.of(**GIVEN | wrong)  # type: ignore[arg-type]

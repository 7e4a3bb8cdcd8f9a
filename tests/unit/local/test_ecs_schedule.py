"""A service's scheduler: which tasks it starts and stops, as a table of situations."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.ecs.schedule import (
    Health,
    Plan,
    ServiceView,
    TaskView,
    failures_max,
    pause_seconds,
    plan,
)


def service(
    desired: int, *, least: int = 100, most: int = 200, may_start: bool = True
) -> ServiceView:
    return ServiceView(
        desired=desired,
        deployment="new",
        minimum_percent=least,
        maximum_percent=most,
        may_start=may_start,
    )


def tasks(*described: tuple[str, Health]) -> list[TaskView]:
    return [
        TaskView(arn=str(place), deployment=deployment, health=health, created=f"{place:03}")
        for place, (deployment, health) in enumerate(described)
    ]


def stopped(planned: Plan) -> list[str]:
    return sorted(arn for arn, _ in planned.stop)


OLD: tuple[str, Health] = ("old", "HEALTHY")
FRESH: tuple[str, Health] = ("new", "UNKNOWN")
READY: tuple[str, Health] = ("new", "HEALTHY")
ILL: tuple[str, Health] = ("new", "UNHEALTHY")


@pytest.mark.parametrize(
    ("wanted", "present", "start", "stop"),
    [
        pytest.param(service(2), [], 2, [], id="nothing runs yet"),
        pytest.param(service(2), [READY], 1, [], id="one has ended"),
        pytest.param(service(1), [OLD], 1, [], id="a new definition: start first"),
        pytest.param(service(1), [OLD, FRESH], 0, [], id="not healthy yet: wait"),
        pytest.param(service(1), [OLD, READY], 0, ["0"], id="healthy: the old one goes"),
        pytest.param(service(2, least=50), [OLD, OLD], 2, ["0"], id="half of them may go at once"),
        pytest.param(service(1, least=0, most=100), [OLD], 0, ["0"], id="no room: stop first"),
        pytest.param(service(2, most=150), [OLD, OLD], 1, [], id="one at a time"),
        pytest.param(service(1), [ILL], 1, [], id="unhealthy: start its replacement first"),
        pytest.param(service(1), [ILL, READY], 0, ["0"], id="unhealthy: it goes when replaced"),
        pytest.param(service(1, least=0, most=100), [ILL], 0, ["0"], id="unhealthy, no room"),
        pytest.param(service(1), [READY, READY], 0, ["1"], id="too many: the newest goes"),
        pytest.param(service(1), [FRESH, READY], 0, ["0"], id="too many: a healthy one stays"),
        pytest.param(service(0), [READY, OLD, FRESH], 0, ["0", "1", "2"], id="none is wanted"),
        pytest.param(service(1, may_start=False), [], 0, [], id="it waits after failures"),
    ],
)
def test_the_next_step(
    wanted: ServiceView, present: list[tuple[str, Health]], start: int, stop: list[str]
) -> None:
    planned = plan(wanted, tasks(*present))
    assert (planned.start, stopped(planned)) == (start, stop)


def test_steady_is_the_desired_count_of_healthy_tasks_and_nothing_else() -> None:
    assert plan(service(2), tasks(READY, READY)).steady
    assert not plan(service(2), tasks(READY, FRESH)).steady
    assert not plan(service(1), tasks(READY, OLD)).steady
    assert plan(service(0), []).steady


@given(
    desired=st.integers(0, 6),
    least=st.integers(0, 100),
    most=st.integers(100, 200),
    present=st.lists(st.sampled_from([OLD, FRESH, READY, ILL, ("old", "UNKNOWN")]), max_size=12),
)
def test_no_step_breaks_either_percentage(
    desired: int, least: int, most: int, present: Sequence[tuple[str, Health]]
) -> None:
    wanted, now = service(desired, least=least, most=most), tasks(*present)
    planned = plan(wanted, now)
    assert planned.start == 0 or len(now) + planned.start <= max(1, desired * most // 100)
    healthy = [task for task in now if task.health == "HEALTHY"]
    left = [task for task in healthy if task.arn not in stopped(planned)]
    assert len(left) >= min(len(healthy), desired * least / 100)


@given(
    desired=st.integers(1, 5),
    least=st.integers(0, 100),
    most=st.integers(100, 200),
    present=st.lists(st.sampled_from([OLD, FRESH, READY, ILL]), max_size=8),
)
def test_a_service_whose_tasks_get_healthy_ends_steady_unless_no_step_is_allowed(
    desired: int, least: int, most: int, present: Sequence[tuple[str, Health]]
) -> None:
    wanted, now = service(desired, least=least, most=most), tasks(*present)
    stuck = desired * most // 100 <= desired and desired * least / 100 > desired - 1
    for step in range(40):
        planned = plan(wanted, now)
        if planned.steady or stuck:
            return
        now = [task for task in now if task.arn not in stopped(planned)]
        now = [
            task
            if task.health != "UNKNOWN"
            else TaskView(
                arn=task.arn, deployment=task.deployment, health="HEALTHY", created=task.created
            )
            for task in now
        ]
        now += [
            TaskView(arn=f"{step}.{n}", deployment="new", health="UNKNOWN", created=f"9{step:03}")
            for n in range(planned.start)
        ]
    raise AssertionError(now)


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [pause_seconds(n) for n in (0, 1, 2, 3)] == [0.0, 0.5, 1.0, 2.0]
    assert pause_seconds(500) == 30.0


def test_the_circuit_breaker_waits_for_three_failures_or_half_of_the_tasks() -> None:
    assert [failures_max(n) for n in (1, 6, 25, 1000)] == [3, 3, 13, 200]

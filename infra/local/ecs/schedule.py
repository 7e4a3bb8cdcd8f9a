"""What a service's scheduler does next about its tasks: pure, by ECS's rules.

Amazon ECS API reference, "DeploymentConfiguration" (both percentages, what counts as healthy,
replacement of unhealthy tasks); developer guide, "How the Amazon ECS deployment circuit breaker
detects failures" and "Amazon ECS service throttle logic".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Health = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY"]

STEADY_SECONDS: Final = 40.0
"""After so long a running task without a health check counts as healthy."""
LIVED_SECONDS: Final = 10.0
"""A task that ended sooner makes the service wait before it starts another; AWS waits only for
those that never ran, and up to 27 minutes."""
PAUSE_SECONDS_MIN: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0
FAILURES_MIN: Final = 3
FAILURES_MAX: Final = 200


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task that is not stopping: whose deployment it is of and how it fares."""

    arn: str
    deployment: str
    health: Health
    created: str


@dataclass(frozen=True, kw_only=True)
class ServiceView:
    """What is wanted of a service; `deployment` is the primary one."""

    desired: int
    deployment: str
    minimum_percent: int
    maximum_percent: int
    may_start: bool
    """False while it waits after failures, or when its deployment failed for good."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many tasks to start, which to stop and why, and whether the service is steady."""

    start: int
    stop: tuple[tuple[str, str], ...]
    steady: bool


def plan(service: ServiceView, tasks: Sequence[TaskView]) -> Plan:
    """Return the next step towards the desired count of healthy tasks of the deployment."""
    wanted = [t for t in tasks if t.deployment == service.deployment and t.health != "UNHEALTHY"]
    replaced = [t for t in tasks if t not in wanted]
    if service.desired == 0:
        stopped = tuple((task.arn, "Service scaling down") for task in tasks)
        return Plan(start=0, stop=stopped, steady=not tasks)
    # The oldest healthy ones stay.
    ordered = sorted(wanted, key=lambda task: (task.health != "HEALTHY", task.created))
    kept, extra = ordered[: service.desired], ordered[service.desired :]
    missing = service.desired - len(kept)
    limit = max(1, service.desired * service.maximum_percent // 100)
    room = max(0, limit - len(tasks))
    ready = sum(task.health == "HEALTHY" for task in kept)
    gone = _dispensable(service, replaced, ready=ready, full=missing > room)
    reasons = [(task.arn, "Service scaling down") for task in extra]
    reasons += [(task.arn, _why(task, service)) for task in gone]
    return Plan(
        start=min(missing, room) if service.may_start else 0,
        stop=tuple(reasons),
        steady=ready == service.desired and len(tasks) == len(kept),
    )


def _dispensable(
    service: ServiceView, replaced: Sequence[TaskView], *, ready: int, full: bool
) -> list[TaskView]:
    """Return which of the tasks to be replaced may go now.

    All of them once those that replace them are ready; before that the healthy ones as long as
    enough stay, and the others where there is no room to start what replaces them.
    """
    if ready >= service.desired:
        return list(replaced)
    healthy = [task for task in replaced if task.health == "HEALTHY"]
    others = [task for task in replaced if task.health != "HEALTHY"]
    least = math.ceil(service.desired * service.minimum_percent / 100)
    spare = max(0, ready + len(healthy) - least)
    return [*(others if full else []), *healthy[:spare]]


def _why(task: TaskView, service: ServiceView) -> str:
    if task.deployment == service.deployment:
        return "Task failed container health checks"
    return "Scaling activity initiated by deployment " + service.deployment


def pause_seconds(failures: int) -> float:
    """Return how long to wait before the next start after so many short-lived tasks in a row."""
    if failures == 0:
        return 0.0
    return float(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2 ** min(failures - 1, 16)))


def failures_max(desired: int) -> int:
    """Return with how many failed tasks in a row the circuit breaker fails a deployment."""
    return min(FAILURES_MAX, max(FAILURES_MIN, math.ceil(desired / 2)))

"""The long-running tasks of a stack on a topic, for an operator: its workers and their watcher.

How many there are, stopped and started. A stack on Kinesis has none: functions do their work.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from pipeline.errors import OperatingError
from sluice.functions import client, told
from sluice.stack import Stack

DIMENSION: Final = "ecs:service:DesiredCount"
LOOK_SECONDS: Final = 1.0
ROLL_SECONDS_MAX: Final = 900.0
"""Three failed tasks, each given its time to get healthy, and those before them to stop."""
SUSPENSIONS: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended")
WORKERS: Final = "worker_service"
WATCHER: Final = "watcher_service"
"""How the stack's outputs call its services; both are in one cluster."""
WORKER_MODULE: Final = "pipeline.consumer"
"""What each worker runs, and the watcher does not."""


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The tasks of a service: how many are wanted, how many run, and whether they were paused."""

    desired: int
    running: int
    paused: bool
    deployment: str
    """State of the newest deployment: COMPLETED, IN_PROGRESS or FAILED."""


def has_workers(stack: Stack) -> bool:
    """Return whether the stack's stream is followed by workers rather than by functions."""
    return WORKERS in stack.outputs


def services(stack: Stack) -> list[str]:
    """Return which services the stack has, as its outputs call them, the workers first."""
    return [service for service in (WORKERS, WATCHER) if service in stack.outputs]


def look(stack: Stack, service: str = WORKERS) -> Tasks:
    """Return how the tasks of a service are. Raises OperatingError."""
    found = describe(stack, service)
    newest = max(found["deployments"], key=lambda one: str(one["createdAt"]))
    return Tasks(
        desired=found["desiredCount"],
        running=found["runningCount"],
        paused=found["desiredCount"] == 0,
        deployment=newest.get("rolloutState", "COMPLETED"),
    )


def rolled(stack: Stack) -> None:
    """Block until the newest deployment of each service is completed.

    Raises OperatingError when ECS gave it up, and put the one of before back, or it takes too long.
    """
    deadline = time.monotonic() + ROLL_SECONDS_MAX
    for service in services(stack):
        while (found := look(stack, service)).deployment != "COMPLETED":
            if found.deployment == "FAILED" or time.monotonic() >= deadline:
                why = "did not get healthy" if found.deployment == "FAILED" else "are not there yet"
                raise OperatingError(
                    f"the new tasks of {stack.outputs[service]} {why}; those of before are at "
                    f"work; see: ./dev sluice logs --stack {stack.name}"
                )
            time.sleep(LOOK_SECONDS)


def stop_workers(stack: Stack) -> None:
    """Want no worker, and let no scaling want any. Raises OperatingError."""
    _suspend(stack, suspended=True)
    _want(stack, WORKERS, 0)


def start_workers(stack: Stack) -> int:
    """Want the least that the scaling allows, or what is wanted already; return how many.

    Raises OperatingError.
    """
    least = int(_suspend(stack, suspended=False)["MinCapacity"])
    wanted = max(least, look(stack).desired)
    _want(stack, WORKERS, wanted)
    return wanted


def switch_watcher(stack: Stack, *, on: bool) -> None:
    """Want the watcher, or none; nothing happens where there is none. Raises OperatingError."""
    if WATCHER in stack.outputs:
        _want(stack, WATCHER, int(on))


def _want(stack: Stack, service: str, count: int) -> None:
    with told(f"set the number of tasks of {stack.outputs[service]} to {count}"):
        client(stack, "ecs").update_service(
            cluster=stack.outputs["worker_cluster"],
            service=stack.outputs[service],
            desiredCount=count,
        )


def _suspend(stack: Stack, *, suspended: bool) -> dict[str, Any]:
    """Suspend the workers' scaling or let it go on; return the scalable target."""
    scaling = client(stack, "application-autoscaling")
    resource = f"service/{stack.outputs['worker_cluster']}/{stack.outputs[WORKERS]}"
    with told("change the scaling of the workers"):
        scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=resource,
            ScalableDimension=DIMENSION,
            SuspendedState=dict.fromkeys(SUSPENSIONS, suspended),
        )
        found = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource])
    target: dict[str, Any] = found["ScalableTargets"][0]
    return target


def describe(stack: Stack, service: str) -> dict[str, Any]:
    """Return a service as ECS tells it. Raises OperatingError."""
    name = stack.outputs[service]
    with told(f"read the service {name}"):
        found = client(stack, "ecs").describe_services(
            cluster=stack.outputs["worker_cluster"], services=[name]
        )["services"]
    if not found:
        raise OperatingError(f"stack {stack.name} has no service {name} any more")
    described: dict[str, Any] = found[0]
    return described

"""The long-running workers of a stack, for an operator: how many there are, stopped and started.

A stack on Kinesis has none: there functions do their work.
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


@dataclass(frozen=True, kw_only=True)
class Workers:
    """A stack's workers: how many are wanted, how many run, and whether they were paused."""

    desired: int
    running: int
    paused: bool
    deployment: str
    """State of the newest deployment: COMPLETED, IN_PROGRESS or FAILED."""


def has_workers(stack: Stack) -> bool:
    """Return whether the stack's stream is followed by workers rather than by functions."""
    return "worker_service" in stack.outputs


def look(stack: Stack) -> Workers:
    """Return how the workers are. Raises OperatingError."""
    service = _service(stack)
    newest = max(service["deployments"], key=lambda one: str(one["createdAt"]))
    return Workers(
        desired=service["desiredCount"],
        running=service["runningCount"],
        paused=service["desiredCount"] == 0,
        deployment=newest.get("rolloutState", "COMPLETED"),
    )


def rolled(stack: Stack) -> None:
    """Block until the newest deployment of the workers is completed.

    Raises OperatingError when ECS gave it up, and put the one of before back, or it takes too long.
    """
    deadline = time.monotonic() + ROLL_SECONDS_MAX
    while (found := look(stack)).deployment != "COMPLETED":
        if found.deployment == "FAILED" or time.monotonic() >= deadline:
            why = "did not get healthy" if found.deployment == "FAILED" else "are not there yet"
            raise OperatingError(
                f"the new workers {why}; those of before are at work; see: ./dev sluice logs "
                f"--stack {stack.name}"
            )
        time.sleep(LOOK_SECONDS)


def pause(stack: Stack) -> None:
    """Want no worker, and let no scaling want any. Raises OperatingError."""
    _suspend(stack, suspended=True)
    _want(stack, 0)


def resume(stack: Stack) -> int:
    """Want the least that the scaling allows, or what is wanted already; return how many.

    Raises OperatingError.
    """
    least = int(_suspend(stack, suspended=False)["MinCapacity"])
    wanted = max(least, look(stack).desired)
    _want(stack, wanted)
    return wanted


def _want(stack: Stack, count: int) -> None:
    with told(f"set the number of workers to {count}"):
        client(stack, "ecs").update_service(
            cluster=stack.outputs["worker_cluster"],
            service=stack.outputs["worker_service"],
            desiredCount=count,
        )


def _suspend(stack: Stack, *, suspended: bool) -> dict[str, Any]:
    """Suspend the workers' scaling or let it go on; return the scalable target."""
    scaling = client(stack, "application-autoscaling")
    resource = f"service/{stack.outputs['worker_cluster']}/{stack.outputs['worker_service']}"
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


def _service(stack: Stack) -> dict[str, Any]:
    with told("read the workers' service"):
        found = client(stack, "ecs").describe_services(
            cluster=stack.outputs["worker_cluster"], services=[stack.outputs["worker_service"]]
        )["services"]
    if not found:
        raise OperatingError(f"stack {stack.name} has no service of workers any more")
    service: dict[str, Any] = found[0]
    return service

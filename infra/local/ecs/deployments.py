"""A service's deployments as ECS keeps them: their state, failures, and the circuit breaker.

Developer guide, "How the Amazon ECS deployment circuit breaker detects failures".
"""
# ruff: noqa: SLF001 - the pinned version's own records are what is kept here

import time
from typing import Final

from ministack.core.responses import new_uuid
from ministack.services import ecs

from infra.local.ecs.records import SCHEDULER, Record
from infra.local.ecs.schedule import LIVED_SECONDS, failures_max, pause_seconds

FAILED_CHECKS: Final = "Task failed container health checks"


def primary(service: Record) -> Record:
    """Return the deployment that is wanted."""
    found: Record = ecs._primary_deployment(service)
    return found


def may_start(service: Record) -> bool:
    """Return whether a task may be started now."""
    if primary(service)["rolloutState"] == "FAILED":
        return False
    return time.monotonic() >= float(service.get("_start_at", 0.0))


def steady(service: Record) -> None:
    """Note that a service is as it is wanted; a deployment under way is thereby completed."""
    wanted = primary(service)
    service["_failures"] = 0
    if wanted["rolloutState"] != "IN_PROGRESS":
        return
    wanted |= {"rolloutState": "COMPLETED", "updatedAt": ecs._iso()}
    wanted["rolloutStateReason"] = "ECS deployment completed."
    service["deployments"] = [
        one for one in service["deployments"] if one is wanted or one["rolloutState"] == "FAILED"
    ]
    tell(service, "has reached a steady state.")


def task_ended(record: Record, *, lived: float, was_healthy: bool) -> None:
    """Note the end of a task; one that nobody wanted to end makes its service wait, or fail."""
    service = _service_of(record)
    if service is None or record["stopCode"] in (SCHEDULER, "UserInitiated"):
        return
    _pause(service, lived)
    if not was_healthy:
        _failed(service, record)


def task_given_up(service: Record, record: Record, reason: str) -> None:
    """Note that the scheduler stops a task; failing health checks is a failure of its own."""
    if reason == FAILED_CHECKS:
        _pause(service, 0.0)
        _failed(service, record)


def tell(service: Record, what: str) -> None:
    """Write an event of the service."""
    message = f"(service {service['serviceName']}) {what}"
    service["events"].insert(0, {"id": new_uuid(), "createdAt": ecs._iso(), "message": message})
    del service["events"][100:]


def _pause(service: Record, lived: float) -> None:
    service["_failures"] = 0 if lived >= LIVED_SECONDS else service.get("_failures", 0) + 1
    service["_start_at"] = time.monotonic() + pause_seconds(service["_failures"])


def _failed(service: Record, record: Record) -> None:
    """Count a failure of the deployment under way; too many fail it, and may roll it back."""
    wanted = primary(service)
    if record.get("_deployment_id") != wanted["id"] or wanted["rolloutState"] != "IN_PROGRESS":
        return
    wanted |= {"failedTasks": wanted.get("failedTasks", 0) + 1, "updatedAt": ecs._iso()}
    breaker = service["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    if not breaker.get("enable") or wanted["failedTasks"] < failures_max(service["desiredCount"]):
        return
    wanted |= {"rolloutState": "FAILED", "desiredCount": 0}
    wanted["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
    tell(service, "deployment failed: tasks failed to start.")
    before = [d for d in service["deployments"] if d["rolloutState"] == "COMPLETED"]
    if breaker.get("rollback") and before:
        _roll_back(service, wanted, before[0])


def _roll_back(service: Record, failed: Record, to: Record) -> None:
    failed["status"] = "ACTIVE"
    to |= {"status": "PRIMARY", "desiredCount": service["desiredCount"], "updatedAt": ecs._iso()}
    to |= {"rolloutState": "IN_PROGRESS", "failedTasks": 0}
    to["rolloutStateReason"] = "ECS deployment circuit breaker: rolling back."
    service |= {"taskDefinition": to["taskDefinition"], "_start_at": 0.0, "_failures": 0}
    tell(service, f"rolling back to deployment {to['id']}.")


def _service_of(record: Record) -> Record | None:
    cluster = ecs._cluster_name_from_arn(record["clusterArn"])
    found: Record | None = ecs._services.get(f"{cluster}/{record['group'].partition(':')[2]}")
    return found if found and found["status"] == "ACTIVE" else None

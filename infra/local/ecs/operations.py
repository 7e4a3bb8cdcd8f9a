"""ECS operations of the pinned ministack, replaced where they are not AWS's.

What ministack 1.5.33 does instead (its `services/ecs.py`): with a Docker daemon at hand it runs
images; without one every task is RUNNING at once, a service is what it should be by assertion, and
a stopped task is STOPPED before anything could have ended.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ministack.services import ecs

from infra.local.ecs import records
from infra.local.ecs.agent import Agent
from infra.local.ecs.records import Record

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Request], Answer]

CHANGING: Final = ("CreateService", "UpdateService", "DeleteService", "RunTask", "StopTask")
"""What the agent has to hear of, and what must not change records while it works on them."""

_run_task = ecs._run_task
_create_service = ecs._create_service
_delete_service = ecs._delete_service


def run_task(data: Request) -> Answer:
    """Ask for tasks; the agent starts them."""
    known = set(ecs._tasks.keys())
    status, headers, body = _run_task(data)
    if status == 200:
        made = [record for arn, record in ecs._tasks.items() if arn not in known]
        for record in made:
            records.begin(record)
        failures = json.loads(body)["failures"]
        tasks = [ecs._sanitize(record) for record in made]
        status, headers, body = ecs.json_response({"tasks": tasks, "failures": failures})
    return status, headers, body


def stop_task(data: Request) -> Answer:
    """Want a task stopped; it is, once its processes have ended."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    record: Record | None = ecs._resolve_task(data.get("task", ""), cluster)
    if record is None:
        refused: Answer = ecs.error_response_json(
            "InvalidParameterException", "The referenced task was not found.", 400
        )
        return refused
    records.to_be_stopped(record, data.get("reason", "Task stopped by user"), "UserInitiated")
    answer: Answer = ecs.json_response({"task": ecs._sanitize(record)})
    return answer


def create_service(data: Request) -> Answer:
    """Create a service, whose first deployment is under way until its tasks are healthy."""
    status, headers, body = _create_service(data)
    if status == 200:
        service = ecs._services[_key(json.loads(body)["service"])]
        service["deployments"][0] |= {"rolloutState": "IN_PROGRESS", "rolloutStateReason": ""}
        status, headers, body = ecs.json_response({"service": ecs._sanitize(service)})
    return status, headers, body


def delete_service(data: Request) -> Answer:
    """Delete a service, which drains until its last task has ended."""
    status, headers, body = _delete_service(data)
    if status == 200:
        service = ecs._services[_key(json.loads(body)["service"])]
        service["status"] = "DRAINING"
        status, headers, body = ecs.json_response({"service": ecs._sanitize(service)})
    return status, headers, body


def install(*, logs: Path, minute_seconds: float) -> Agent:
    """Put every replacement where ministack looks its own up, and start the agent."""
    agent = Agent(logs=logs, pace=minute_seconds / 60)
    ecs._get_docker = lambda: None
    ecs._run_task = run_task
    ecs._stop_task = stop_task
    ecs._maybe_mark_stopped = lambda *_: None
    ecs._reconcile_service_tasks = lambda *_: agent.wake()
    replaced: dict[str, Operation] = {
        "RunTask": run_task,
        "StopTask": stop_task,
        "CreateService": create_service,
        "DeleteService": delete_service,
    }
    for name in CHANGING:
        ecs._ACTION_MAP[name] = _told(agent, replaced.get(name, ecs._ACTION_MAP[name]))
    threading.Thread(target=agent.run, daemon=True, name="ecs-agent").start()
    return agent


def _told(agent: Agent, operation: Operation) -> Operation:
    """Return an operation that leaves the agent's records alone meanwhile, and wakes it."""

    def run(data: Request) -> Answer:
        with agent.lock:
            answer = operation(data)
        agent.wake()
        return answer

    return run


def _key(described: Record) -> str:
    cluster = ecs._cluster_name_from_arn(described["clusterArn"])
    return f"{cluster}/{described['serviceName']}"

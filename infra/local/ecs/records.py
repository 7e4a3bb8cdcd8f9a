"""A task as ministack's ECS shows it, and what it needs of other services to be started.

What ministack 1.5.33 does instead without Docker (its `services/ecs.py`): a task is RUNNING from
the moment it is asked for, and runs nothing.
"""
# ruff: noqa: SLF001 - the pinned version's own records are what is kept here

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import ecs, sts

from infra.local.cloudwatch import logs
from infra.local.ecs.definition import LOOPBACK, Container, NotRunnable
from infra.local.ecs.schedule import Health
from pipeline.names import ENV_WATCH_SECONDS, ENV_WORKER_REPORT_SECONDS

Record = dict[str, Any]
REPORT_SECONDS: Final = 10
"""How often a worker writes its figures (`pipeline.environment.WorkerSettings`)."""
WATCH_SECONDS: Final = 60
"""How often a watcher looks (`pipeline.environment.WatcherSettings`)."""
SCHEDULER: Final = "ServiceSchedulerInitiated"
STOPPED_STATES: Final = ("DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")


def begin(record: Record) -> None:
    """Let a task that was just asked for wait to be started."""
    record |= {"lastStatus": "PENDING", "startedAt": None, "_startup_stable": False}
    record |= {"pullStartedAt": None, "pullStoppedAt": None}
    for container in record["containers"]:
        container |= {"lastStatus": "PENDING", "runtimeId": None}


def started(record: Record, running: Mapping[str, tuple[int, Container]]) -> None:
    """Note that a task's containers run: by name the process's id and what it was made from."""
    now = ecs._iso()
    record |= {"lastStatus": "RUNNING", "startedAt": now, "pullStartedAt": now}
    record |= {"pullStoppedAt": now}
    ecs._bump_task_version(record)
    for described in record["containers"]:
        pid, container = running[described["name"]]
        described |= {"lastStatus": "RUNNING", "runtimeId": str(pid)}
        described["networkBindings"] = [
            {"bindIP": LOOPBACK, "containerPort": port, "hostPort": ours, "protocol": "tcp"}
            for port, ours in container.ports.items()
        ]
    _recount(record)


def told(record: Record, name: str, *, health: Health, exit_code: int | None) -> None:
    """Note how a container fares; health is UNKNOWN where nothing asks for it."""
    [described] = [one for one in record["containers"] if one["name"] == name]
    described["healthStatus"] = health
    if exit_code is not None:
        described |= {"lastStatus": "STOPPED", "exitCode": exit_code}


def to_be_stopped(record: Record, reason: str, code: str) -> None:
    """Want a task stopped, for the first reason that is given."""
    if record["desiredStatus"] == "STOPPED":
        return
    ecs._bump_task_version(record)
    record |= {"desiredStatus": "STOPPED", "stoppedReason": reason, "stopCode": code}
    record["stoppingAt"] = ecs._iso()


def stopping(record: Record) -> None:
    """Note that a task's processes were asked to end."""
    if record["lastStatus"] not in STOPPED_STATES:
        record["lastStatus"] = "STOPPING"
        _recount(record)


def stopped(record: Record) -> None:
    """Note that nothing of a task runs any more."""
    ecs._bump_task_version(record)
    now = ecs._iso()
    record |= {"lastStatus": "STOPPED", "stoppedAt": now, "executionStoppedAt": now}
    for container in record["containers"]:
        container["lastStatus"] = "STOPPED"
    _recount(record)


def secrets(described: Mapping[str, Any]) -> dict[str, str]:
    """Return a container's secrets by variable. Raises NotRunnable as ECS fails the task."""
    try:
        found: dict[str, str] = ecs._resolve_container_secrets(described)
    except ecs._SecretResolutionError as error:
        raise NotRunnable(f"ResourceInitializationError: {error}") from error
    return found


def log_of(
    described: Mapping[str, Any], task_id: str, *, scope: tuple[str, str], file: Path
) -> Callable[[str], None]:
    """Return what takes a container's lines: the file and, by its driver, CloudWatch.

    Raises NotRunnable where the log group is missing, as ECS fails the task.
    """
    config = ecs._awslogs_config(described, task_id, task_id)
    if config and not ecs._ensure_awslogs_stream(config):
        raise NotRunnable(
            f"ResourceInitializationError: failed to create a log stream: there is no log group "
            f"{config['group']}"
        )

    def say(line: str) -> None:
        with file.open("a", encoding="utf-8") as out:
            out.write(f"{task_id[:8]} {line}\n")
        if config and line:
            with request_scope(*scope):
                ecs._emit_awslogs_event(config, line)
                logs.store_metrics(line)

    return say


def variables(
    container: Container, definition: Mapping[str, Any], task_id: str, *, pace: float
) -> dict[str, str]:
    """Return the environment of a container's process; nothing else of ours gets into it.

    Workers write their figures several times a minute, and a watcher once: where minutes are short,
    as often in each.
    """
    region = ecs.get_region()
    ours = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    return {
        **ours,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{os.environ['GATEWAY_PORT']}",
        ENV_WORKER_REPORT_SECONDS: str(max(1, round(REPORT_SECONDS * pace))),
        ENV_WATCH_SECONDS: str(max(1, round(WATCH_SECONDS * pace))),
        **_credentials(definition.get("taskRoleArn", ""), task_id),
        **container.variables,
    }


def _credentials(role_arn: str, task_id: str) -> dict[str, str]:
    """Return the keys of the task's role where IAM is enforced, else those that may do all."""
    if not app.AUTH:
        return {"AWS_ACCESS_KEY_ID": ecs.get_account_id(), "AWS_SECRET_ACCESS_KEY": "test"}
    account, role = ecs.get_account_id(), role_arn.rsplit("/", 1)[-1]
    digest = hashlib.sha256(f"{task_id}:{role_arn}".encode()).hexdigest()
    key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest[8:]
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{task_id}",
            "UserId": f"{role}:{task_id}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
    }


def _recount(record: Record) -> None:
    cluster = ecs._cluster_name_from_arn(record["clusterArn"])
    ecs._recount_cluster(cluster)
    ecs._refresh_service_state(cluster, record["group"])


def ask(service: Record, *, cluster: str, name: str, count: int) -> None:
    """Have so many more tasks of a service's primary deployment."""
    ecs._run_task(
        {
            "cluster": cluster,
            "taskDefinition": service["taskDefinition"],
            "count": count,
            "group": f"service:{name}",
            "startedBy": name,
            "launchType": service.get("launchType"),
            "capacityProviderStrategy": service.get("capacityProviderStrategy"),
            "platformVersion": service.get("platformVersion", ""),
            "networkConfiguration": service.get("networkConfiguration", {}),
            "tags": service.get("tags", []) if service.get("propagateTags") == "SERVICE" else [],
            "_deploymentId": ecs._primary_deployment(service)["id"],
        }
    )

"""Runs what the emulator's ECS only keeps: a thread that starts, watches and stops tasks."""
# ruff: noqa: SLF001 - the pinned version's own records are what is worked on

import logging
import threading
import time
from pathlib import Path
from typing import Any, Final

from ministack.core.responses import request_scope
from ministack.services import ecs

from infra.local.ecs import deployments, records, task
from infra.local.ecs.definition import NotRunnable
from infra.local.ecs.guard import Guard
from infra.local.ecs.records import Record
from infra.local.ecs.schedule import Health, Plan, ServiceView, TaskView, plan
from infra.local.ecs.task import Task
from infra.local.ports import free_port

LOOK_SECONDS: Final = 0.1
KEPT_SECONDS: Final = 3600.0
"""How long a stopped task is still described, as on AWS."""
_log = logging.getLogger(__name__)


class Agent:
    """All tasks of one emulator. `lock` is held by whoever changes records of ECS."""

    def __init__(self, *, logs: Path, pace: float) -> None:
        """Keep logs in a folder; 1 is AWS's pace of health checks, less is compressed time."""
        self.lock = threading.RLock()
        self._logs = logs
        self._pace = pace
        self._guard: Guard | None = None
        self._tasks: dict[str, Task] = {}
        self._stopped: dict[str, float] = {}
        self._wake = threading.Event()
        self._over = threading.Event()

    def wake(self) -> None:
        """Have it look now: something is wanted."""
        self._wake.set()

    def run(self) -> None:
        """Look again and again, until it is closed; it rests while there is no task."""
        while not self._over.is_set():
            self._wake.wait(LOOK_SECONDS if self._busy else None)
            self._wake.clear()
            with self.lock:
                if not self._over.is_set():
                    self._step()

    def close(self) -> None:
        """End all tasks, within `task.END_SECONDS_MAX` or by force."""
        self._over.set()
        with self.lock:
            for running in self._tasks.values():
                running.stop(seconds=task.END_SECONDS_MAX)
            for running in self._tasks.values():
                running.end()
            self._tasks.clear()

    @property
    def _busy(self) -> bool:
        return bool(self._tasks) or any(
            service["status"] != "INACTIVE" for _, service in ecs._services.all_items()
        )

    def _step(self) -> None:
        for (account, region, arn), record in ecs._tasks.all_items():
            with request_scope(account, region):
                self._safely(arn, self._tend, arn, record, (account, region))
        for (account, region, key), service in ecs._services.all_items():
            if service["status"] != "INACTIVE":
                with request_scope(account, region):
                    self._safely(key, self._schedule, key, service)

    def _safely(self, what: str, work: Any, *arguments: Any) -> None:
        """Let trouble with one task or service stop no other."""
        try:
            work(*arguments)
        except Exception:
            _log.exception("ECS: %s", what)

    def _tend(self, arn: str, record: Record, scope: tuple[str, str]) -> None:
        """Start a task that waits, stop what is to be stopped, note what has ended."""
        if record["lastStatus"] == "STOPPED":
            if time.monotonic() - self._stopped.setdefault(arn, time.monotonic()) > KEPT_SECONDS:
                ecs._tasks.pop(arn, None)
                del self._stopped[arn]
            return
        running = self._tasks.get(arn)
        if running is None:
            if record["desiredStatus"] == "STOPPED":
                records.stopped(record)
                return
            try:
                self._tasks[arn] = self._start(record, scope)
            except NotRunnable as error:
                records.to_be_stopped(record, str(error), "TaskFailedToStart")
                records.stopped(record)
                deployments.task_ended(record, lived=0.0, was_healthy=False)
        elif running.look():
            del self._tasks[arn]
            deployments.task_ended(record, lived=running.seconds, was_healthy=running.was_healthy)

    def _start(self, record: Record, scope: tuple[str, str]) -> Task:
        if self._guard is None:
            self._guard = Guard()
        self._logs.mkdir(parents=True, exist_ok=True)
        definition = ecs._task_defs[ecs._resolve_td_key(record["taskDefinitionArn"])]
        name = record["group"].partition(":")[2] or definition["family"]
        return task.start(
            record,
            definition,
            scope=scope,
            file=self._logs / f"{name}.log",
            guard=self._guard,
            free_port=free_port,
            pace=self._pace,
        )

    def _schedule(self, key: str, service: Record) -> None:
        """Take a service's next step."""
        cluster, name = key.split("/", 1)
        own = [
            record
            for record in ecs._tasks.values()
            if record["group"] == f"service:{name}"
            and record["clusterArn"] == service["clusterArn"]
            and record["lastStatus"] != "STOPPED"
        ]
        if service["status"] == "DRAINING":
            if not own:
                service["status"] = "INACTIVE"
            return
        wanted = self._plan(service, [r for r in own if r["desiredStatus"] != "STOPPED"])
        for arn, reason in wanted.stop:
            records.to_be_stopped(ecs._tasks[arn], reason, records.SCHEDULER)
            deployments.task_given_up(service, ecs._tasks[arn], reason)
        if wanted.start:
            records.ask(service, cluster=cluster, name=name, count=wanted.start)
        if wanted.steady:
            deployments.steady(service)

    def _plan(self, service: Record, tasks: list[Record]) -> Plan:
        percent = service["deploymentConfiguration"]
        views = [
            TaskView(
                arn=record["taskArn"],
                deployment=record.get("_deployment_id") or "",
                health=self._health(record["taskArn"]),
                created=record["createdAt"],
            )
            for record in tasks
        ]
        view = ServiceView(
            desired=service["desiredCount"],
            deployment=deployments.primary(service)["id"],
            minimum_percent=percent.get("minimumHealthyPercent", 100),
            maximum_percent=percent.get("maximumPercent", 200),
            may_start=deployments.may_start(service),
        )
        return plan(view, views)

    def _health(self, arn: str) -> Health:
        running = self._tasks.get(arn)
        return running.counted if running else "UNKNOWN"

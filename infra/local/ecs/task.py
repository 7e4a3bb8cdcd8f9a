"""One task: its containers' processes from the start to the end, and its record kept true."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from infra.local.ecs import definition as definitions
from infra.local.ecs import records
from infra.local.ecs.definition import Container
from infra.local.ecs.guard import Guard
from infra.local.ecs.process import ContainerProcess
from infra.local.ecs.records import Record
from infra.local.ecs.schedule import STEADY_SECONDS, Health

END_SECONDS_MAX: Final = 2.0
"""How long a task may take to end when the local AWS itself ends."""


class Task:
    """A started task. All of it is called in the scope of the task's account and region."""

    def __init__(self, record: Record, processes: list[ContainerProcess], *, pace: float) -> None:
        """Take what runs."""
        self.record = record
        self.was_healthy = False
        self._processes = processes
        self._started = time.monotonic()
        self._steady_seconds = STEADY_SECONDS * pace

    @property
    def seconds(self) -> float:
        """Return how long it has run."""
        return time.monotonic() - self._started

    @property
    def counted(self) -> Health:
        """Return its health as a scheduler counts it: without a check a while of running."""
        if self._health != "UNKNOWN" or self._checked:
            return self._health
        return "HEALTHY" if self.seconds >= self._steady_seconds else "UNKNOWN"

    @property
    def _checked(self) -> bool:
        return any(p.container.essential and p.container.health for p in self._processes)

    @property
    def _health(self) -> Health:
        """Return the worst of its essential containers' (API reference, "HealthCheck")."""
        found = {p.health for p in self._processes if p.container.essential and p.container.health}
        for health in ("UNHEALTHY", "UNKNOWN"):
            if health in found:
                return health
        return "HEALTHY" if found else "UNKNOWN"

    def look(self) -> bool:
        """Bring the record up to the processes; return whether all of them have ended."""
        codes = [process.exit_code() for process in self._processes]
        for process, code in zip(self._processes, codes, strict=True):
            name = process.container.name
            records.told(self.record, name, health=process.health, exit_code=code)
        self.record["healthStatus"] = self._health
        self.was_healthy = self.was_healthy or self.counted == "HEALTHY"
        ended = [code is not None for code in codes]
        if all(ended) or any(
            done and process.container.essential
            for done, process in zip(ended, self._processes, strict=True)
        ):
            records.to_be_stopped(
                self.record, "Essential container in task exited", "EssentialContainerExited"
            )
        if self.record["desiredStatus"] == "STOPPED":
            self.stop()
        if all(ended):
            records.stopped(self.record)
        return all(ended)

    def stop(self, *, seconds: float | None = None) -> None:
        """Ask its processes to end, those of containers' own time to stop by default."""
        records.stopping(self.record)
        for process in self._processes:
            process.stop(seconds=seconds)

    def end(self) -> None:
        """End it for good, within `END_SECONDS_MAX` or by force."""
        while any(process.exit_code() is None for process in self._processes):
            time.sleep(0.02)


def start(
    record: Record,
    definition: Mapping[str, Any],
    *,
    scope: tuple[str, str],
    file: Path,
    guard: Guard,
    free_port: Callable[[], int],
    pace: float,
) -> Task:
    """Start a task's containers. Raises NotRunnable, with nothing left running."""
    task_id = record["taskArn"].rpartition("/")[2]
    made = definitions.containers(definition, secrets=records.secrets, free_port=free_port)
    logs = {
        described["name"]: records.log_of(described, task_id, scope=scope, file=file)
        for described in definition["containerDefinitions"]
    }
    running: dict[str, tuple[int, Container]] = {}
    processes: list[ContainerProcess] = []
    for container in made:
        try:
            process = ContainerProcess(
                container,
                records.variables(container, definition, task_id, pace=pace),
                guard=guard,
                say=logs[container.name],
                pace=pace,
            )
        except OSError as error:
            for process in processes:
                process.stop(seconds=0.0)
            raise definitions.NotRunnable(
                f"CannotStartContainerError: {container.name}: {error}"
            ) from error
        processes.append(process)
        running[container.name] = (process.pid, container)
    records.started(record, running)
    return Task(record, processes, pace=pace)

"""A task definition as processes of this machine: commands, variables, health checks, limits.

Amazon ECS developer guide, "Amazon ECS task definition parameters for Fargate".
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STOP_SECONDS: Final = 30
MEBIBYTE: Final = 1024 * 1024
ALL_INTERFACES: Final = "0.0.0.0"
LOOPBACK: Final = "127.0.0.1"
UNSUPPORTED: Final = ("dependsOn", "environmentFiles", "firelensConfiguration", "volumesFrom")
"""What the local AWS does not do for a container."""
LASTING_VOLUMES: Final = ("efsVolumeConfiguration", "configuredAtLaunch", "host")
"""A volume of the task alone is this machine's own temporary folder; these would be more."""


class NotRunnable(Exception):
    """A task definition that the local AWS cannot run; says what to change."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How often and by what a container's health is asked, by Docker's rules."""

    command: tuple[str, ...]
    interval_seconds: float
    timeout_seconds: float
    retries: int
    start_seconds: float


@dataclass(frozen=True, kw_only=True)
class Container:
    """What one container of a task runs."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    essential: bool
    stop_seconds: float
    memory_bytes: int | None
    health: HealthCheck | None
    ports: Mapping[int, int]
    """On which port of this machine each of its ports is: tasks share one address here."""


def containers(
    definition: Mapping[str, Any],
    *,
    secrets: Callable[[Mapping[str, Any]], Mapping[str, str]],
    free_port: Callable[[], int],
) -> tuple[Container, ...]:
    """Return a task's containers; `secrets` resolves those of one of them.

    Raises NotRunnable, and what `secrets` raises.
    """
    return tuple(
        _container(described, definition, secrets=secrets(described), free_port=free_port)
        for described in definition["containerDefinitions"]
    )


def _container(
    described: Mapping[str, Any],
    definition: Mapping[str, Any],
    *,
    secrets: Mapping[str, str],
    free_port: Callable[[], int],
) -> Container:
    name = described["name"]
    wanted = [key for key in UNSUPPORTED if described.get(key)]
    if wanted:
        raise NotRunnable(f"container {name}: {', '.join(wanted)}: not done by the local AWS")
    for volume in definition.get("volumes", []):
        if any(volume.get(key) for key in LASTING_VOLUMES):
            raise NotRunnable(f"volume {volume['name']}: outlives the task; not done locally")
    ports = {mapped["containerPort"]: free_port() for mapped in described.get("portMappings", [])}
    given = {pair["name"]: pair["value"] for pair in described.get("environment", [])}
    limits = (described.get("memory"), definition.get("memory"))
    memory = min((int(limit) for limit in limits if limit), default=None)
    return Container(
        name=name,
        command=_command(name, described),
        variables={key: _moved(value, ports) for key, value in {**given, **secrets}.items()},
        essential=described.get("essential", True),
        stop_seconds=described.get("stopTimeout", STOP_SECONDS),
        memory_bytes=None if memory is None else memory * MEBIBYTE,
        health=_health(described.get("healthCheck"), ports),
        ports=ports,
    )


def _command(name: str, described: Mapping[str, Any]) -> tuple[str, ...]:
    words = [*described.get("entryPoint", []), *described.get("command", [])]
    if not words:
        raise NotRunnable(
            f"container {name} has no command, and the local AWS has no image to ask: name it in "
            "the container definition"
        )
    return _with_our_python(words)


def _with_our_python(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command in which `python` is the interpreter of this environment."""
    ours = Path(words[0]).name in ("python", "python3")
    return (sys.executable, *words[1:]) if ours else tuple(words)


def _moved(value: str, ports: Mapping[int, int]) -> str:
    """Return a variable's value; an address or port of the container is where it is here."""
    if value == ALL_INTERFACES:
        return LOOPBACK
    return str(ports[int(value)]) if value.isdigit() and int(value) in ports else value


def _health(described: Mapping[str, Any] | None, ports: Mapping[int, int]) -> HealthCheck | None:
    if not described or described["command"] == ["NONE"]:
        return None
    how, *words = described["command"]
    for port, ours in ports.items():
        words = [re.sub(rf"\b{port}\b", str(ours), word) for word in words]
    shell = ("/bin/sh", "-c", " ".join(words))
    return HealthCheck(
        command=shell if how == "CMD-SHELL" else _with_our_python(words),
        interval_seconds=described.get("interval", 30),
        timeout_seconds=described.get("timeout", 5),
        retries=described.get("retries", 3),
        start_seconds=described.get("startPeriod", 0),
    )

"""A container as a process of this machine: started, asked for its health and stopped."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final

from infra.local import function_process
from infra.local.ecs.definition import Container, HealthCheck
from infra.local.ecs.guard import Guard, kill_group
from infra.local.ecs.schedule import Health

ROOT: Final = Path(__file__).resolve().parents[3]
LINE_CHARACTERS_MAX: Final = 256 * 1024
"""An event of CloudWatch Logs holds no more (its quotas)."""
_log = logging.getLogger(__name__)


class ContainerProcess:
    """The process of one container; `say` gets each line that it writes."""

    def __init__(
        self,
        container: Container,
        variables: Mapping[str, str],
        *,
        guard: Guard,
        say: Callable[[str], None],
        pace: float,
    ) -> None:
        """Start it. Raises OSError where the command cannot be run."""
        self.container = container
        self._guard = guard
        self._killed_at: float | None = None
        self._process = subprocess.Popen(
            container.command,
            cwd=ROOT,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        guard.add(self.pid)
        if container.memory_bytes is not None:
            function_process.limit(self.pid, container.memory_bytes)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for stream in (self._process.stdout, self._process.stderr):
            threading.Thread(target=_pump, args=(stream, say), daemon=True).start()
        self._ended = threading.Event()
        self._checked: Health = "UNKNOWN"
        if container.health is not None:
            threading.Thread(
                target=self._ask, args=(container.health, dict(variables), pace), daemon=True
            ).start()

    @property
    def pid(self) -> int:
        """Return the process's id, which is its group's as well."""
        return self._process.pid

    @property
    def health(self) -> Health:
        """Return what the health check found; UNKNOWN where there is none."""
        return self._checked

    def exit_code(self) -> int | None:
        """Return the exit code as Docker gives it, 128 and the signal's number; None if it runs."""
        code = self._process.poll()
        if code is None:
            if self._killed_at is not None and time.monotonic() >= self._killed_at:
                kill_group(self.pid)
            return None
        if not self._ended.is_set():
            self._ended.set()
            # What it left running goes with it, as with a container.
            kill_group(self.pid)
            self._guard.remove(self.pid)
        return code if code >= 0 else 128 - code

    def stop(self, *, seconds: float | None = None) -> None:
        """Ask it to end; `exit_code` kills it when its time to stop is over."""
        if self._process.poll() is None and self._killed_at is None:
            grace = self.container.stop_seconds if seconds is None else seconds
            self._killed_at = time.monotonic() + grace
            self._process.terminate()

    def _ask(self, check: HealthCheck, variables: dict[str, str], pace: float) -> None:
        """Ask for its health until it ends; failures in its start period do not count."""
        started, failures = time.monotonic(), 0
        while not self._ended.wait(check.interval_seconds * pace):
            if _passes(check, variables):
                failures = 0
                self._checked = "HEALTHY"
            elif self._checked == "HEALTHY" or time.monotonic() - started >= check.start_seconds:
                failures += 1
                if failures >= check.retries:
                    self._checked = "UNHEALTHY"


def _passes(check: HealthCheck, variables: dict[str, str]) -> bool:
    try:
        asked = subprocess.run(
            check.command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=check.timeout_seconds,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        _log.info("health check: %s", error)
        return False
    return asked.returncode == 0


def _pump(stream: IO[str], say: Callable[[str], None]) -> None:
    """Hand on each line; what one line does to `say` harms no other, nor stops the process."""
    with stream:
        for line in stream:
            try:
                say(line.rstrip("\n")[:LINE_CHARACTERS_MAX])
            except Exception:
                _log.exception("a line of a task's log is lost")

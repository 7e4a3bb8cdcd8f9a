"""A broker's process: started, waited for, stopped, killed, and found again by its folder.

`broker.json` in the folder says who runs there and on which ports; `broker.log` is what it said.
A broker ends with the process that started it, unless it is to stay.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from infra.local import processes
from infra.local.brokers.guard import guard
from infra.local.processes import Process
from pipeline.errors import UserError

STATE: Final = "broker.json"
LOG: Final = "broker.log"
READY_SECONDS_MAX: Final = 180.0
"""An idle machine of two cores takes 3 to 6 seconds, one that seven others use 70."""
STOP_SECONDS_MAX: Final = 20.0
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class BrokerProcess:
    """The process of a broker, and the folder in which it keeps all that it has."""

    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    """Ask the broker whether it serves; bounded, and false as long as it does not answer."""

    def start(self, *, stays: bool) -> None:
        """Start it and wait until it serves; nothing happens if it runs.

        Raises UserError when it ends or is not ready in time, with where to look.
        """
        if self.find() is not None:
            return
        with (self.folder / LOG).open("wb") as log:
            child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._note(processes.find(child.pid))
        # Its exit is collected, so that nothing is left of it.
        threading.Thread(target=child.wait, daemon=True).start()
        if not stays:
            guard(os.getpid(), child.pid)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.ready():
            if self.find() is None:
                raise UserError(f"the broker ended as it started: see {self.folder / LOG}")
            if time.monotonic() > deadline:
                self.kill()
                raise UserError(
                    f"the broker was not ready in {READY_SECONDS_MAX:.0f} s: see "
                    f"{self.folder / LOG}, and whether other work takes this machine's cores"
                )
            time.sleep(LOOK_SECONDS)

    def find(self) -> Process | None:
        """Return its process if it runs, else None."""
        path = self.folder / STATE
        if not path.exists():
            return None
        process = Process(**json.loads(path.read_text()))
        return process if processes.alive(process) else None

    def stop(self, *, grace_seconds: float = STOP_SECONDS_MAX) -> None:
        """Ask it to end (SIGTERM) and wait; it is killed when it takes too long."""
        self._end(grace_seconds=grace_seconds)

    def run_once(self) -> None:
        """Run it until it serves, and let it end in order, which may take longer."""
        self.start(stays=False)
        self.stop(grace_seconds=READY_SECONDS_MAX)

    def kill(self) -> None:
        """End it at once (SIGKILL), and wait until it is gone."""
        if process := self.find():
            processes.kill(process.pid)
        self._end(grace_seconds=0.0)

    def _end(self, *, grace_seconds: float) -> None:
        if process := self.find():
            processes.end([process], grace_seconds=grace_seconds)
        (self.folder / STATE).unlink(missing_ok=True)

    def _note(self, process: Process | None) -> None:
        if process is not None:
            beside = self.folder / f"{STATE}.new"
            beside.write_text(json.dumps(asdict(process)))
            beside.replace(self.folder / STATE)


def words(settings: Mapping[str, object]) -> str:
    """Return settings as a Java properties file."""
    return "".join(f"{name}={_text(value)}\n" for name, value in settings.items())


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return str(value)
        case Sequence():
            return ",".join(map(str, value))
        case _:
            raise TypeError(f"no setting: {value!r}")

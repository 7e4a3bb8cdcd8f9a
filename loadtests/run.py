"""Starts the processes of a load, says how far they are, and ends them, whatever happens."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from loadtests import plan as plans
from loadtests.plan import Part, Plan
from loadtests.progress import Progress, ProgressFile
from loadtests.scripts import contract_of
from pipeline.errors import OperatingError, UserError

LOAD_FILE: Final = "load.json"
READY_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 20.0
_LEAD_US: Final = 300_000
"""From the word to start until the first event is due: every process has read the word by then."""
_POLL_SECONDS: Final = 0.05
_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")


class Load:
    """A load under way. As a context manager it leaves no process behind, on Ctrl-C neither."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.started_us = 0
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Return whether a process of the load is alive."""
        return any(process.poll() is None for process in self._processes.values())

    def parts(self) -> list[Progress]:
        """Return how far each process is, as it said last."""
        files = (ProgressFile(self.folder, part.name) for part in self.plan.parts)
        return [progress for file in files if (progress := file.last())]

    def progress(self) -> Progress:
        """Return how far the whole load is."""
        return Progress.total(self.parts())

    def pause(self, seconds: float) -> bool:
        """Wait for so long, or until the load ends if that is sooner; return whether it runs."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self.running

    def wait(self, seconds_max: float = float("inf")) -> Progress:
        """Wait for the end of the load and note it in `load.json`.

        Raises:
            OperatingError: a process failed, or the load still ran after `seconds_max`.
        """
        if self.pause(seconds_max):
            raise OperatingError(f"the load still runs after {seconds_max} s")
        self._note()
        self._raise_if_failed()
        return self.progress()

    def stop(self) -> None:
        """End what still runs: first kindly, so that the history is complete, then by force."""
        for process in self._processes.values():
            if process.stdin and not process.stdin.closed:
                process.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._note()

    def start(self) -> None:
        """Start every process, wait until all are ready, and give them one moment to start at."""
        (self.folder / "logs").mkdir(exist_ok=True)
        for part in self.plan.parts:
            self._processes[part.name] = self._spawn(part)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while len(self.parts()) < len(self.plan.parts):
            self._raise_if_failed()
            if time.monotonic() > deadline:
                raise OperatingError(f"the load is not ready after {READY_SECONDS_MAX:.0f} s")
            time.sleep(_POLL_SECONDS)
        self.started_us = time.time_ns() // 1_000 + _LEAD_US
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.write(b"%d\n" % self.started_us)
            process.stdin.flush()
        self._note()

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless"]
        command += ["--only-summary", "--load-dir", str(self.folder), "--part", part.name]
        with self._log(part.name).open("wb") as log:
            # A session of its own: Ctrl-C is ours to pass on, by closing standard input.
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self, part: str) -> Path:
        return self.folder / "logs" / f"{part}.log"

    def _raise_if_failed(self) -> None:
        for name, process in self._processes.items():
            if process.poll():
                log = self._log(name).read_text(encoding="utf-8", errors="replace").strip()
                raise OperatingError(
                    f"process {name} of the load ended with {process.returncode}:"
                    f" {log.rpartition(chr(10))[2] or 'no output'}; see {self._log(name)}",
                    retryable=False,
                )

    def _note(self) -> None:
        """Write `load.json`, which the verifier and the report read."""
        progress = self.progress()
        note = {
            "run": self.plan.run,
            "stream": self.plan.connection.name,
            "shape": self.plan.shape_in_words,
            "rate": self.plan.rate,
            "seconds": self.plan.seconds,
            "events": self.plan.events,
            "poison": self.plan.poison,
            "state": progress.state,
            "started_us": self.started_us,
            "ended_us": None if self.running else progress.at_us,
            "sent": progress.sent,
            "acknowledged": progress.acknowledged,
            "refused": progress.refused,
            "unknown": progress.unknown,
            "producers": [
                {
                    "producer": source.producer,
                    "table": contract_of(source.kind).table,
                    "events": source.events,
                    "poison": source.poison,
                    "process": part.name,
                }
                for part in self.plan.parts
                for source in part.sources
            ],
        }
        path = self.folder / LOAD_FILE
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(note, indent=2), encoding="utf-8")
        partial.replace(path)


def start(plan: Plan, folder: Path) -> Load:
    """Start a load whose history, progress and logs go to `folder`; use it as a context manager.

    Raises:
        UserError: the folder has held a load before.
        OperatingError: a process did not get ready.
    """
    if (folder / plans.PLAN_FILE).exists():
        raise UserError(f"{folder} holds a load already; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    plan.write(folder)
    load = Load(plan, folder)
    try:
        load.start()
    except BaseException:
        load.stop()
        raise
    return load

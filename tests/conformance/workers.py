"""Workers, and watchers, as processes: told by variables, stopped and killed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.task_service import STOP_MARGIN_SECONDS
from pipeline import names
from tests.waiting import until

ROOT: Final = Path(__file__).resolve().parent.parent.parent
READY: Final = re.compile(r"(?:at work on|watching) .*; http://127\.0\.0\.1:(\d+)")
ANSWER_SECONDS_MAX: Final = 60
POISONED: Final = "tests.conformance.poisoned"
"""A worker whose core dies at a marked record."""


class WorkerProcess:
    """One worker; its log is a file, its figures another."""

    def __init__(
        self, variables: Mapping[str, str], folder: Path, *, module: str = "pipeline.consumer"
    ) -> None:
        self._grace_seconds = float(variables[names.ENV_WORKER_GRACE_SECONDS])
        folder.mkdir(parents=True, exist_ok=True)
        self.log, self.figures = folder / "log", folder / "figures"
        with self.log.open("wb") as log, self.figures.open("wb") as figures:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdout=figures,
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def _port(self) -> int | None:
        assert self.running, self.said
        found = READY.search(self.said)
        return int(found[1]) if found else None

    def health(self) -> Mapping[str, Any]:
        """Return what /health says, well or not."""
        port = until(self._port)
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/health", timeout=ANSWER_SECONDS_MAX
            ) as answer:
                body = answer.read()
        except urllib.error.HTTPError as unwell:
            with unwell:
                body = unwell.read()
        document: Mapping[str, Any] = json.loads(body)
        return document

    @property
    def partitions(self) -> Mapping[str, Any]:
        """The partitions that are this worker's, by shard."""
        found: Mapping[str, Any] = self.health()["partitions"]
        return found

    @property
    def stored(self) -> int:
        """How many events this worker says it has stored."""
        port = until(self._port)
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/metrics", timeout=ANSWER_SECONDS_MAX
        ) as answer:
            text = answer.read().decode()
        found = re.search(r'sluice_events_total\{fate="stored"\} (\S+)', text)
        return int(float(found[1])) if found else 0

    def pause(self) -> None:
        """Let it stand still, as a machine that swaps does."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        self._process.terminate()

    def ends(self, *, seconds: float) -> bool:
        """Return whether it ends within this time; as soon as it does."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return not self.running

    def wait(self, *, seconds: float = 120.0) -> int:
        return self._process.wait(timeout=seconds)

    def stop(self) -> int:
        """Stop in good order before ECS would kill it, and return the exit code."""
        self.ask_to_stop()
        return self.wait(seconds=self._grace_seconds + STOP_MARGIN_SECONDS)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it whatever it does, for the test is over."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

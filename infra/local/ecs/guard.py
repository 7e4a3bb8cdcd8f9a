"""Ends the tasks of an emulator that died: it hears of them, and of its death, through a pipe.

python -m infra.local.ecs.guard, with lines `+PID` and `-PID` on its standard input
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress


class Guard:
    """The emulator's side: tells of process groups that must not outlive this process."""

    def __init__(self) -> None:
        """Start the guard."""
        self._leaders: set[int] = set()
        self._start()

    def add(self, pid: int) -> None:
        """Let the process group of this leader end with us."""
        self._leaders.add(pid)
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Forget a process group that has ended."""
        self._leaders.discard(pid)
        self._tell(f"-{pid}\n")

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.ecs.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def _tell(self, lines: str) -> None:
        if self._process.poll() is not None:
            self._start()
            lines = "".join(f"+{pid}\n" for pid in self._leaders)
        assert self._process.stdin is not None
        self._process.stdin.write(lines)
        self._process.stdin.flush()


def watch(lines: Iterable[str]) -> set[int]:
    """Return, when the lines end, the process groups that are left."""
    left: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        if line.startswith("+"):
            left.add(pid)
        else:
            left.discard(pid)
    return left


def kill_group(leader: int) -> None:
    """End a process and all that it started, at once; nothing happens if they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    for leader in watch(sys.stdin):
        kill_group(leader)

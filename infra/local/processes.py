"""Look at processes of this machine without a library: alive, the same as before, children."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_WORKER_SCRIPT = "_worker.py"
"""What ministack names the script that each of its Python function workers runs."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process: its id, and its start time, without which the id may have passed to another."""

    pid: int
    started: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    pid: int
    parent: int
    zombie: bool
    started: str
    command: str


def find(pid: int) -> Process | None:
    """Return the live process with this id; None if there is none, or only its exit is left."""
    row = next((row for row in _rows(pid) if row.pid == pid and not row.zombie), None)
    return None if row is None else Process(pid=pid, started=row.started)


def alive(process: Process) -> bool:
    """Return whether this very process still runs, not another that was given its id."""
    return find(process.pid) == process


def function_workers(emulator_pid: int) -> list[int]:
    """Return the ids of the processes in which the emulator runs functions, oldest first."""
    return sorted(
        row.pid
        for row in _rows(None)
        if row.parent == emulator_pid and not row.zombie and _WORKER_SCRIPT in row.command
    )


def children(pid: int) -> dict[int, str]:
    """Return the live processes that this one started: each one's command by its id."""
    return {row.pid: row.command for row in _rows(None) if row.parent == pid and not row.zombie}


def leads(pid: int) -> bool:
    """Return whether a process leads a session of its own; false for one that is gone."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def has_proc() -> bool:
    """Return whether this machine shows its processes as files, which is quick to look at."""
    return (_PROC / "self" / "stat").exists()


def memory_bytes(pids: list[int]) -> dict[int, int]:
    """Return the memory of its own of each of these processes that is alive.

    Of the resident pages those that are in no file (proc(5), statm): the others can be dropped,
    and count against no limit. `ps` cannot tell the two apart.
    """
    if not has_proc():
        return _memory_by_ps(pids)
    found = {}
    for pid in pids:
        try:
            _, resident, shared, *_ = (_PROC / str(pid) / "statm").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if own := int(resident) - int(shared):
            found[pid] = own * _PAGE_BYTES
    return found


def kill(pid: int) -> None:
    """End a process at once; nothing happens if it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def end(processes: list[Process], *, grace_seconds: float) -> None:
    """Ask these processes to end, kill those still there after the grace, wait for them to go."""
    _signal(processes, signal.SIGTERM)
    if not _gone(processes, seconds=grace_seconds):
        _signal(processes, signal.SIGKILL)
        _gone(processes, seconds=5.0)


def _signal(processes: list[Process], number: signal.Signals) -> None:
    for process in processes:
        if alive(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _gone(processes: list[Process], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _rows(pid: int | None) -> list[_Row]:
    """Return what is known of one process, or of all."""
    if has_proc():
        names = [str(pid)] if pid is not None else [entry.name for entry in _PROC.iterdir()]
        return [row for name in names if name.isdigit() and (row := _from_proc(name)) is not None]
    return _from_ps()


def _from_proc(name: str) -> _Row | None:
    """Read /proc/<pid>/stat (proc(5)): state, parent and start time follow the name in brackets."""
    try:
        fields = (_PROC / name / "stat").read_text().rpartition(")")[2].split()
        command = (
            (_PROC / name / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Row(
        pid=int(name),
        parent=int(fields[1]),
        zombie=fields[0] in "ZX",
        started=fields[19],
        command=command,
    )


def _memory_by_ps(pids: list[int]) -> dict[int, int]:
    if not pids:
        return {}
    listing = subprocess.run(
        ["ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    ).stdout
    return {int(pid): int(kib) * 1024 for pid, kib in map(str.split, listing.splitlines())}


def _from_ps() -> list[_Row]:
    """Ask `ps` where there is no /proc (macOS)."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,lstart=,command="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = []
    for line in listing.splitlines():
        pid, parent, state, *rest = line.split(maxsplit=8)
        rows.append(
            _Row(
                pid=int(pid),
                parent=int(parent),
                zombie=state.startswith("Z"),
                started=" ".join(rest[:5]),
                command=rest[5] if len(rest) > 5 else "",
            )
        )
    return rows

"""The local AWS as one background service: emulator and event source mapping, started and stopped.

    start(state_dir) -> LocalAws    running(state_dir) -> LocalAws | None    stop(state_dir)

The supervisor is a process of its own in a session of its own, so that it outlives the command that
started it; its children end when it does. `state_dir` holds aws.json (who runs where), the logs,
the mapping's checkpoints and the emulator's files.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local import processes
from infra.local.launcher import HOST, LISTENING
from infra.local.processes import Process
from pipeline.errors import UserError

REGION = "us-east-1"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
WATCH_SECONDS = 0.5
_STATE = "aws.json"
_FAILURE = "aws.failed"


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    """A running local AWS: where it is, what clients sign with, and its processes' ids."""

    endpoint: str
    region: str
    pid: int
    emulator_pid: int
    mapping_pid: int
    minute_seconds: float = 60.0
    """How long a minute of CloudWatch and EventBridge takes: less than 60 is compressed time."""
    access_key_id: str = "test"
    secret_access_key: str = "test"

    def worker_pids(self) -> list[int]:
        """Return the ids of the processes in which functions run, oldest first."""
        return processes.function_workers(self.emulator_pid)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the local AWS goes; as AWS does by default.

    `poll_seconds`: how often a mapping reads an idle shard. `minute_seconds`: how long one minute
    of CloudWatch's periods and of EventBridge's `rate()` takes, in real seconds. Compressed, a
    metric's period is short, but ages and durations in metrics stay real ones.
    """

    poll_seconds: float = 1.0
    minute_seconds: float = 60.0


def start(
    state_dir: Path,
    *,
    port: int | None = None,
    enforce_iam: bool = False,
    pace: Pace = Pace(),
) -> LocalAws:
    """Start the local AWS and wait until it answers; one that runs already is returned.

    Raises UserError for what a person can mend: port in use, disk full, folder not writable.
    """
    if already := running(state_dir):
        return already
    _prepare(state_dir)
    command = [sys.executable, "-m", "infra.local.supervisor", "--state", str(state_dir.resolve())]
    command += ["--port", str(port or free_port()), *(["--enforce-iam"] if enforce_iam else [])]
    command += ["--poll-seconds", str(pace.poll_seconds)]
    command += ["--minute-seconds", str(pace.minute_seconds)]
    with (state_dir / "supervisor.log").open("ab") as log:
        daemon = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # It outlives this command; if this command outlives it, its exit is collected.
    threading.Thread(target=daemon.wait, daemon=True).start()
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        if found := running(state_dir):
            return found
        if daemon.returncode is not None:
            raise UserError(_why(state_dir))
        time.sleep(0.02)
    daemon.terminate()
    raise UserError(f"the local AWS was not ready in {READY_SECONDS_MAX:.0f} s: see {state_dir}")


def running(state_dir: Path) -> LocalAws | None:
    """Return the local AWS of this folder if its own supervisor still runs, else None."""
    state = _state(state_dir)
    if state is None or not processes.alive(state[1]):
        return None
    return state[0]


def stop(state_dir: Path) -> None:
    """Stop the local AWS of this folder and all it started; nothing happens if none runs."""
    state = _state(state_dir)
    if state is not None:
        local_aws, supervisor = state
        if processes.alive(supervisor):
            family = [local_aws.emulator_pid, local_aws.mapping_pid, *local_aws.worker_pids()]
            members = [process for pid in family if (process := processes.find(pid))]
            processes.end([supervisor], grace_seconds=STOP_SECONDS_MAX)
            processes.end(members, grace_seconds=2.0)
    (state_dir / _STATE).unlink(missing_ok=True)
    shutil.rmtree(state_dir / "emulator", ignore_errors=True)


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _prepare(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        for name in (_STATE, _FAILURE, "checkpoints.json", "emulator.log", "mapping.log"):
            (state_dir / name).unlink(missing_ok=True)
        (state_dir / "supervisor.log").write_bytes(b"")
        shutil.rmtree(state_dir / "emulator", ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {state_dir} ({error.strerror}): free some space or choose another"
            f" folder"
        ) from error


def _state(state_dir: Path) -> tuple[LocalAws, Process] | None:
    path = state_dir / _STATE
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    supervisor = Process(pid=stored["pid"], started=stored.pop("started"))
    return LocalAws(**stored), supervisor


def _why(state_dir: Path) -> str:
    failure = state_dir / _FAILURE
    if failure.exists():
        return failure.read_text().strip()
    return f"the local AWS could not be started: see {state_dir / 'supervisor.log'}"


class Supervisor:
    """Emulator and mapping poller as children; the emulator's end is the end of all."""

    def __init__(self, state_dir: Path, *, port: int, enforce_iam: bool, pace: Pace) -> None:
        self._state_dir = state_dir
        self._pace = pace
        self._endpoint = f"http://{HOST}:{port}"
        self._emulator = self._child(
            "emulator",
            ["infra.local.launcher", "--port", str(port), "--data", str(state_dir / "emulator")]
            + ["--minute-seconds", str(pace.minute_seconds)]
            + (["--enforce-iam"] if enforce_iam else []),
        )
        self._mapping: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Serve until SIGTERM or the emulator's end; return the process's exit code."""
        try:
            if not self._ready():
                lines = (self._state_dir / "emulator.log").read_text().strip().splitlines()
                _write(self._state_dir / _FAILURE, lines[-1] if lines else "the emulator ended")
                return 1
            while self._emulator.poll() is None:
                if self._mapping is None or self._mapping.poll() is not None:
                    self._start_mapping()
                time.sleep(WATCH_SECONDS)
            return 1
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (self._state_dir / _STATE).unlink(missing_ok=True)
            for child in (self._mapping, self._emulator):
                if child is not None and (process := processes.find(child.pid)):
                    processes.end([process], grace_seconds=4.0)

    def _ready(self) -> bool:
        """Wait until the emulator answers; return whether it does."""
        address = self._endpoint.removeprefix("http://")
        listening = self._state_dir / "emulator" / LISTENING
        while self._emulator.poll() is None:
            if not listening.exists():
                time.sleep(0.02)
                continue
            connection = http.client.HTTPConnection(address, timeout=5)
            try:
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == 200:
                    return True
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        return False

    def _start_mapping(self) -> None:
        options = {
            "--endpoint": self._endpoint,
            "--region": REGION,
            "--checkpoints": str(self._state_dir / "checkpoints.json"),
            "--poll-seconds": str(self._pace.poll_seconds),
            "--metric-period-seconds": str(self._pace.minute_seconds),
        }
        flat = [word for option in options.items() for word in option]
        self._mapping = self._child("mapping", ["infra.local.event_source_mapping", *flat])
        this = processes.find(os.getpid())
        state = LocalAws(
            endpoint=self._endpoint,
            region=REGION,
            pid=os.getpid(),
            emulator_pid=self._emulator.pid,
            mapping_pid=self._mapping.pid,
            minute_seconds=self._pace.minute_seconds,
        )
        started = this.started if this else ""
        _write(self._state_dir / _STATE, json.dumps({**asdict(state), "started": started}))

    def _child(self, name: str, module: list[str]) -> subprocess.Popen[bytes]:
        with (self._state_dir / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def main(arguments: list[str] | None = None) -> int:
    """Supervise until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.supervisor")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--enforce-iam", action="store_true")
    parser.add_argument("--poll-seconds", type=float, default=Pace.poll_seconds)
    parser.add_argument("--minute-seconds", type=float, default=Pace.minute_seconds)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    supervisor = Supervisor(
        options.state,
        port=options.port,
        enforce_iam=options.enforce_iam,
        pace=Pace(
            poll_seconds=options.poll_seconds,
            minute_seconds=options.minute_seconds,
        ),
    )
    return supervisor.run()


def _write(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or none."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())

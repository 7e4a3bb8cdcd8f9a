"""The local AWS as one background service: emulator, its front and event source mapping.

    start(state_dir) -> LocalAws    running(state_dir) -> LocalAws | None    stop(state_dir)

A stack that streams by Kafka or Pulsar has a broker besides (`infra.local.stream_broker`).
The supervisor (`infra.local.daemon`) is a process of its own in a session of its own, so that it
outlives the command that started it; its children end when it does. `state_dir` holds aws.json (who
runs where), the logs, the mapping's checkpoints and the emulator's files.
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from infra.local import processes, stream_broker
from infra.local.ports import free_port
from infra.local.processes import Process
from pipeline.errors import UserError

GUARD = "infra.local.ecs.guard"
"""The module whose process ends ECS tasks with the emulator."""
REGION = "us-east-1"
READY_SECONDS_MAX = 60.0
BROKER_SECONDS_MAX = 200.0
STOP_SECONDS_MAX = 10.0
STATE = "aws.json"
FAILURE = "aws.failed"
TASKS = "tasks"
"""The folder of what ECS tasks wrote to their logs."""


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    """A running local AWS: where it is, what clients sign with, and its processes' ids.

    `endpoint` is the front, which keeps AWS's limits and makes the faults that are asked for;
    `emulator_endpoint` is what stands behind it, for measurements of the front alone.
    """

    endpoint: str
    emulator_endpoint: str
    region: str
    pid: int
    front_pid: int
    emulator_pid: int
    mapping_pid: int
    minute_seconds: float = 60.0
    """How long a minute of CloudWatch and EventBridge takes: less than 60 is compressed time."""
    broker: stream_broker.Kind | None = None
    brokers: int = 1
    """How many nodes it has."""
    service_url: str | None = None
    """Where the broker is reached, if there is one."""
    broker_admin_url: str | None = None
    """Where its admin API is, if it is a Pulsar."""
    access_key_id: str = "test"
    secret_access_key: str = "test"

    def worker_pids(self) -> list[int]:
        """Return the ids of the processes in which functions run, oldest first."""
        return processes.function_workers(self.emulator_pid)

    def task_pids(self, module: str = "") -> list[int]:
        """Return the ids of the processes that run as ECS tasks: all, or those of one module."""
        found = processes.children(self.emulator_pid)
        return sorted(
            pid
            for pid in found
            if module in found[pid] and GUARD not in found[pid] and processes.leads(pid)
        )


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
    broker: stream_broker.Kind | None = None,
    brokers: int = 1,
) -> LocalAws:
    """Start the local AWS and wait until it answers; one that runs already is returned.

    With a `broker`, one of that kind is started besides, of so many nodes. Raises UserError for
    what a person can mend: port in use, disk full, folder not writable.
    """
    if already := running(state_dir):
        return already
    _prepare(state_dir)
    command = [sys.executable, "-m", "infra.local.daemon", "--state", str(state_dir.resolve())]
    command += ["--port", str(port or free_port()), *(["--enforce-iam"] if enforce_iam else [])]
    command += ["--poll-seconds", str(pace.poll_seconds)]
    command += ["--minute-seconds", str(pace.minute_seconds)]
    command += ["--broker", broker, "--brokers", str(brokers)] if broker else []
    with (state_dir / "supervisor.log").open("ab") as log:
        daemon = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # It outlives this command; if this command outlives it, its exit is collected.
    threading.Thread(target=daemon.wait, daemon=True).start()
    seconds_max = READY_SECONDS_MAX + (BROKER_SECONDS_MAX if broker else 0.0)
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if found := running(state_dir):
            return found
        if daemon.returncode is not None:
            raise UserError(_why(state_dir))
        time.sleep(0.02)
    daemon.terminate()
    raise UserError(f"the local AWS was not ready in {seconds_max:.0f} s: see {state_dir}")


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
            family = [local_aws.front_pid, local_aws.emulator_pid, local_aws.mapping_pid]
            family += processes.children(local_aws.emulator_pid)
            members = [process for pid in family if (process := processes.find(pid))]
            processes.end([supervisor], grace_seconds=STOP_SECONDS_MAX)
            processes.end(members, grace_seconds=2.0)
    stream_broker.forget(state_dir)
    (state_dir / STATE).unlink(missing_ok=True)
    shutil.rmtree(state_dir / "emulator", ignore_errors=True)


def _prepare(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        logs = ("emulator.log", "front.log", "mapping.log")
        for name in (STATE, FAILURE, "checkpoints.json", *logs):
            (state_dir / name).unlink(missing_ok=True)
        (state_dir / "supervisor.log").write_bytes(b"")
        stream_broker.forget(state_dir)
        for folder in ("emulator", TASKS):
            shutil.rmtree(state_dir / folder, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {state_dir} ({error.strerror}): free some space or choose another"
            f" folder"
        ) from error


def _state(state_dir: Path) -> tuple[LocalAws, Process] | None:
    path = state_dir / STATE
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    supervisor = Process(pid=stored["pid"], started=stored.pop("started"))
    return LocalAws(**stored), supervisor


def _why(state_dir: Path) -> str:
    failure = state_dir / FAILURE
    if failure.exists():
        return failure.read_text().strip()
    return f"the local AWS could not be started: see {state_dir / 'supervisor.log'}"

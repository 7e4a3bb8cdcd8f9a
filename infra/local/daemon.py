"""The supervisor's own process: emulator, front, mapping and broker begin and end with it.

python -m infra.local.daemon --state DIR --port 4566
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from infra.local import processes
from infra.local.launcher import LISTENING
from infra.local.ports import HOST, free_port
from infra.local.stream_broker import KINDS, Broker
from infra.local.supervisor import FAILURE, REGION, STATE, TASKS, LocalAws, Pace

WATCH_SECONDS = 0.5


class Supervisor:
    """Emulator, front and mapping poller as children; the end of one of the first two ends all.

    A broker may end and be started again by whoever likes: a drill, a runbook.
    """

    def __init__(
        self, state_dir: Path, *, port: int, enforce_iam: bool, pace: Pace, broker: Broker
    ) -> None:
        self._state_dir = state_dir
        self._pace = pace
        self._endpoint = f"http://{HOST}:{port}"
        own_port = free_port()
        self._emulator_endpoint = f"http://{HOST}:{own_port}"
        data = state_dir / "emulator"
        self._listening = (data / LISTENING, data / "front-listening")
        self._emulator = self._child(
            "emulator",
            [
                "infra.local.launcher",
                f"--port={own_port}",
                f"--gateway-port={port}",
                f"--data={data}",
                f"--tasks={state_dir / TASKS}",
                f"--minute-seconds={pace.minute_seconds}",
                *(["--enforce-iam"] if enforce_iam else []),
            ],
        )
        self._front = self._child(
            "front",
            [
                "infra.local.front",
                f"--port={port}",
                f"--upstream={self._emulator_endpoint}",
                f"--listening={self._listening[1]}",
                f"--minute-seconds={pace.minute_seconds}",
            ],
        )
        self._mapping: subprocess.Popen[bytes] | None = None
        self._broker = broker

    def run(self) -> int:
        """Serve until SIGTERM or the emulator's end; return the process's exit code."""
        try:
            if trouble := self._broker.start():
                _write(self._state_dir / FAILURE, trouble)
                return 1
            if not self._ready():
                ended = "emulator" if self._front.poll() is None else "front"
                lines = (self._state_dir / f"{ended}.log").read_text().strip().splitlines()
                _write(self._state_dir / FAILURE, lines[-1] if lines else f"the {ended} ended")
                return 1
            while self._serving():
                if self._mapping is None or self._mapping.poll() is not None:
                    self._start_mapping()
                self._broker.watch()
                time.sleep(WATCH_SECONDS)
            return 1
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (self._state_dir / STATE).unlink(missing_ok=True)
            for child in (self._mapping, self._front, self._emulator):
                if child is not None and (process := processes.find(child.pid)):
                    processes.end([process], grace_seconds=4.0)
            self._broker.end()

    def _serving(self) -> bool:
        return self._emulator.poll() is None and self._front.poll() is None

    def _ready(self) -> bool:
        """Wait until the emulator answers through its front; return whether it does."""
        address = self._endpoint.removeprefix("http://")
        while self._serving():
            if not all(path.exists() for path in self._listening):
                time.sleep(0.02)
                continue
            connection = http.client.HTTPConnection(address, timeout=5)
            try:
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == 200:
                    return True
            except (OSError, http.client.HTTPException):
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
            emulator_endpoint=self._emulator_endpoint,
            region=REGION,
            pid=os.getpid(),
            front_pid=self._front.pid,
            emulator_pid=self._emulator.pid,
            mapping_pid=self._mapping.pid,
            minute_seconds=self._pace.minute_seconds,
            broker=self._broker.kind,
            brokers=self._broker.count,
            service_url=self._broker.address,
            broker_admin_url=self._broker.admin_url,
        )
        started = this.started if this else ""
        _write(self._state_dir / STATE, json.dumps({**asdict(state), "started": started}))

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
    parser = argparse.ArgumentParser(prog="python -m infra.local.daemon")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--enforce-iam", action="store_true")
    parser.add_argument("--poll-seconds", type=float, default=Pace.poll_seconds)
    parser.add_argument("--minute-seconds", type=float, default=Pace.minute_seconds)
    parser.add_argument("--broker", choices=KINDS)
    parser.add_argument("--brokers", type=int, default=1)
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
        broker=Broker(options.broker, options.state, options.brokers),
    )
    return supervisor.run()


def _write(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or none."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())

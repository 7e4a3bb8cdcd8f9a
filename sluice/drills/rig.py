"""One running stack, and what drills do to it."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import boto3

from infra.local import supervisor
from infra.local.front.control import Front
from infra.local.front.faults import Fault
from pipeline.audit.verdict import Verdict
from pipeline.environment import CLIENT_CONFIG
from pipeline.errors import UserError
from sluice.accounting import account
from sluice.drain import drain_stack
from sluice.drills.packages import Change, changed_package
from sluice.drills.subscriber import Subscriber
from sluice.drills.traffic import Traffic
from sluice.drills.waiting import NotKept, until
from sluice.stack import ROOT, Stack
from sluice.up import bring_up, remember, remembered

RATE: Final = 300.0
"""Events a second of a drill's traffic."""
CALM_MINUTES_MAX: Final = 30
DRAIN_SECONDS_MAX: Final = 120.0


@dataclass(kw_only=True)
class Rig:
    """A stack under drill; `minute_seconds` is what a minute of its alarms takes, in real ones."""

    home: Path
    stack: Stack
    settings: dict[str, str]
    minute_seconds: float
    on_note: Callable[[str], None] = lambda _note: None
    loads: list[Traffic] = field(default_factory=list)
    timeline: list[tuple[float, str]] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    """What puts the stack right again, newest last; done in any case when the drill is over."""

    @property
    def aws(self) -> supervisor.LocalAws:
        """Return the local AWS under the stack. Raises UserError if it does not run."""
        found = supervisor.running(self.stack.folder)
        if found is None:
            raise UserError(f"stack {self.stack.name} is not running on this machine")
        return found

    @property
    def traffic(self) -> Traffic:
        """Return the traffic that runs since before the fault."""
        return self.loads[0]

    @property
    def scratch(self) -> Path:
        """Return a folder for a drill's own files."""
        folder = self.stack.folder / "drill"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stack's AWS."""
        made: Any = boto3.client(service, config=CLIENT_CONFIG, **self.stack.where)  # type: ignore[call-overload]
        return made

    @cached_property
    def cloudwatch(self) -> Any:
        """Return the client that alarms are read by."""
        return self.client("cloudwatch")

    def note(self, text: str) -> None:
        """Put a line on the drill's timeline."""
        self.timeline.append((time.monotonic(), text))
        self.on_note(text)

    def minutes(self, count: float, *, extra_seconds: float = 30.0) -> float:
        """Return how long to wait, at most, for something that takes so many of its minutes."""
        return count * self.minute_seconds + extra_seconds

    def alarms(self) -> dict[str, str]:
        """Return the state of every alarm of the stack, composites included, by its id."""
        prefix = self.stack.outputs["stream_name"].removesuffix("events")
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return {
            alarm["AlarmName"].removeprefix(prefix): alarm["StateValue"]
            for page in pages
            for kind in ("MetricAlarms", "CompositeAlarms")
            for alarm in page.get(kind, ())
        }

    def alarms_on(self) -> list[str]:
        """Return the ids of the alarms that are in ALARM."""
        return sorted(alarm for alarm, state in self.alarms().items() if state == "ALARM")

    def calm(self) -> None:
        """Wait until no alarm is on. Raises NotKept."""
        on: list[str] = []

        def none_is_on() -> bool:
            on[:] = self.alarms_on()
            return not on

        try:
            until(none_is_on, seconds_max=self.minutes(CALM_MINUTES_MAX), what="no alarm is on")
        except NotKept as trouble:
            raise NotKept(f"{trouble}; still on: {', '.join(on)}") from None

    def send(self, *, rate: float = RATE, **more: Any) -> Traffic:
        """Start traffic that is accounted for when the drill is over."""
        traffic = Traffic(self.stack, rate=rate, **more)
        self.loads.append(traffic)
        traffic.start()
        return traffic

    def deploy(self, *changes: Change, **settings: str) -> None:
        """Deploy the functions with changes, or as they are, under the stack's settings and more.

        What is given here lasts until the next deploy; the package is not remembered at all, so
        that a runbook's own command deploys the right one.
        """
        given = self.settings | settings
        remember(self.stack.folder, given)
        if changes:
            folder = self.stack.folder / "packages"
            given["package_file"] = str(changed_package(folder, changes))
        self.stack = bring_up(self.home, self.stack.name, given, None)

    @property
    def front(self) -> Front:
        """Return the switch of the local AWS's limits and faults."""
        return Front(self.aws.endpoint)

    def inject(self, *faults: Fault) -> None:
        """Make faults from now on, until the drill is over or they are cleared."""
        self.undo.append(self.clear_faults)
        self.front.inject(faults)

    def clear_faults(self) -> None:
        """Make no faults any more."""
        self.front.clear()

    def kill_workers(self) -> int:
        """Kill every process in which a function runs; return how many there were."""
        killed = 0
        for pid in self.aws.worker_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def failures(self) -> int:
        """Return how many batches the mapping has seen fail."""
        return (self.stack.folder / "mapping.log").read_text(encoding="utf-8").count(" failed on ")

    def finish_loads(self) -> None:
        """Stop all traffic and wait for its answers."""
        for traffic in self.loads:
            traffic.finish()

    def drain(self, *, seconds_max: float = DRAIN_SECONDS_MAX) -> None:
        """Wait until every shard is committed to its tip and published."""
        drain_stack(self.stack, seconds_max=seconds_max, on_wait=lambda _what: None)

    def verdicts(self) -> list[Verdict]:
        """Account for every id of every load."""
        return [
            account(self.stack, traffic.folder, on_note=lambda _note: None).verdict
            for traffic in self.loads
        ]

    def checkout(self) -> Path:
        """Return a folder whose `./dev sluice` is this command line, with nothing to set up."""
        dev = self.scratch / "dev"
        run = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m sluice "$@"'
        dev.write_text(f'#!/bin/sh\n[ "$1" = sluice ] && shift && {run}\n', encoding="utf-8")
        dev.chmod(0o755)
        return dev.parent

    @property
    def runbook_variables(self) -> dict[str, str]:
        """Return what the runbooks' commands find the stack by."""
        return {"SLUICE_HOME": str(self.home), "SLUICE_STACK": self.stack.name}

    @contextmanager
    def drilling(self) -> Iterator[Subscriber]:
        """Subscribe and begin traffic; afterwards undo what was done, whatever happened."""
        self.loads, self.timeline, self.undo = [], [], []
        with Subscriber(self.stack) as subscriber:
            try:
                self.send()
                yield subscriber
            finally:
                try:
                    self.put_right()
                finally:
                    self.finish_loads()

    def put_right(self) -> None:
        """Undo what the drill and its runbook did to the stack, newest first."""
        while self.undo:
            self.undo.pop()()
        if remembered(self.stack.folder) != self.settings:
            self.deploy()


RUNBOOKS: Final = ROOT / "runbooks"

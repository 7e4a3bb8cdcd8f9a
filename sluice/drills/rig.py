"""One running stack, and what drills do to it."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.local import supervisor
from infra.local.front.control import Front
from infra.local.front.faults import Fault
from pipeline.audit.verdict import Validity, Verdict
from pipeline.errors import UserError
from sluice import alarms, functions, workers
from sluice.accounting import account
from sluice.broker import LOCAL_ID
from sluice.drain import drain_stack
from sluice.drills.packages import Change, changed_package
from sluice.drills.subscriber import Subscriber
from sluice.drills.traffic import Traffic
from sluice.drills.waiting import NotKept, until
from sluice.pause import stop_watching
from sluice.resume import resume_stack
from sluice.runbooks import parse
from sluice.runbooks import run as run_runbook
from sluice.stack import ROOT, Stack
from sluice.up import bring_up, remember, remembered

RATE: Final = 300.0
"""Events a second of a drill's traffic."""
CALM_MINUTES_MAX: Final = 40
DRAIN_SECONDS_MAX: Final = 180.0
SETTLES_MAX: Final = 3
STEP_SECONDS_MAX: Final = 240.0
"""A block of a runbook at most: one restores a ledger, which waits for the longest run."""
RUNBOOKS: Final = ROOT / "runbooks"


def processes_at_work(stack: Stack, aws: supervisor.LocalAws) -> list[int]:
    """Return the processes that take a local stack's events: of functions or of workers."""
    if workers.has_workers(stack):
        return aws.task_pids(workers.WORKER_MODULE)
    return aws.worker_pids()


@dataclass(kw_only=True)
class Rig:
    """A stack under drill, and what was done to it so far."""

    home: Path
    stack: Stack
    settings: dict[str, str]
    on_note: Callable[[str], None] = lambda _note: None
    loads: list[Traffic] = field(default_factory=list)
    timeline: list[tuple[float, str]] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    """What puts the stack right again, newest last; done in any case when the drill is over."""
    _injected: Sequence[Fault] = ()
    _struck_before: dict[tuple[str, str, str], int] = field(default_factory=dict)

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

    @property
    def minute_seconds(self) -> float:
        """Return what a minute of the stack's alarms and schedules takes, in real seconds."""
        return self.stack.minute_seconds

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stack's AWS."""
        return functions.client(self.stack, service)

    def note(self, text: str) -> None:
        """Put a line on the drill's timeline."""
        self.timeline.append((time.monotonic(), text))
        self.on_note(f"{self.timeline[-1][0] - self.timeline[0][0]:6.1f} s  {text}")

    def minutes(self, count: float, *, extra_seconds: float = 90.0) -> float:
        """Return how long to wait, at most, for something that takes so many of its minutes."""
        return count * self.minute_seconds + extra_seconds

    def alarms_on(self) -> list[str]:
        """Return the ids of the alarms that are in ALARM, composites included."""
        return [alarm.id for alarm in alarms.read(self.stack) if alarm.state == alarms.ON]

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
        self._injected, self._struck_before = faults, self.front.observed()
        self.front.inject(faults)

    def check_struck(self) -> None:
        """Raise NotKept if a fault that was asked for has hit nothing: then nothing was tried."""
        if not self._injected:
            return
        now, before = self.front.observed(), self._struck_before
        hit = {key for key, count in now.items() if count > before.get(key, 0)}
        for fault in self._injected:
            if not any(
                (fault.service, fault.kind) == (service, kind)
                and fault.operation in ("", operation)
                for service, operation, kind in hit
            ):
                raise NotKept(f"{fault.service}: {fault.kind} has hit no call")

    def clear_faults(self) -> None:
        """Make no faults any more."""
        self.front.clear()

    def kill_workers(self) -> int:
        """Kill every process in which a function or worker runs; return how many there were."""
        killed = 0
        for pid in processes_at_work(self.stack, self.aws):
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

    def drain(self) -> None:
        """Wait until all that had arrived is committed and published."""
        drain_stack(self.stack, seconds_max=DRAIN_SECONDS_MAX)

    def settle(self) -> list[Verdict]:
        """Drain the stack with nothing coming any more, and account for every id of every load.

        A probe that was under way when the schedules stopped may still send its canary: then the
        stack is drained, and accounted for, again.
        """
        self.finish_loads()
        stop_watching(self.stack)
        try:
            for _ in range(SETTLES_MAX):
                self.drain()
                verdicts = self.verdicts()
                if all(verdict.validity is not Validity.UNKNOWN for verdict in verdicts):
                    break
            return verdicts
        finally:
            resume_stack(self.stack)

    def run_book(self, runbook: str, *sections: str, cause: str | None = None) -> None:
        """Run a runbook's own blocks. Raises NotKept at the first that fails."""
        trouble = run_runbook(
            parse(RUNBOOKS / f"{runbook}.md"),
            folder=self.checkout(),
            variables=self.runbook_variables,
            sections=sections,
            cause=cause,
            on_step=lambda step: self.note(f"runbook {runbook}:{step.line} ({step.section})"),
            seconds_max=STEP_SECONDS_MAX,
        )
        if trouble:
            raise NotKept(trouble)

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
        """Return what the runbooks' commands find the stack by, and the one broker it may have."""
        return {
            "SLUICE_HOME": str(self.home),
            "SLUICE_STACK": self.stack.name,
            "SLUICE_BROKER": LOCAL_ID,
        }

    @contextmanager
    def drilling(self) -> Iterator[Subscriber]:
        """Subscribe and begin traffic; afterwards undo what was done, whatever happened."""
        self.loads, self.timeline, self.undo, self._injected = [], [], [], ()
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

"""The whole story on this machine: events in, poison, a killed worker, an alarm, and the proof."""

import contextlib
import os
import signal
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import rich_click as click
from rich.panel import Panel

from infra.local import supervisor
from loadtests.plan import Plan
from loadtests.report.facts import Happening
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError, UserError
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.producer.lanes import address_of
from pipeline.producer.queues import Shipment
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.single import send_record
from sluice import stack as stacks
from sluice.accounting import conclude
from sluice.console import ERR, progress, result, say, shown
from sluice.down import stop_local
from sluice.drills.catalogue import find
from sluice.drills.rig import Rig, processes_at_work
from sluice.drills.run import run_drill
from sluice.drills.stacks import CANARIES
from sluice.load import plan_for, send
from sluice.stack import Stack
from sluice.streams import stack_transport
from sluice.up import bring_up

STACK: Final = "demo"
COMPRESSION: Final = 15.0
"""Times that alarms and schedules go faster than on AWS: nobody waits ten minutes for a demo."""
STREAMS: Final = {
    "kinesis": {"shard_count": "2", **CANARIES},
    "kafka": {"stream": "kafka", "partition_count": "2", **CANARIES},
    "pulsar": {"stream": "pulsar", "partition_count": "2", **CANARIES},
}
"""The streams on which the story can be told, and a stack's settings for each."""
LAST_ACT: Final = "poison-that-parses-wrong"
DURATION_SECONDS: Final = 20.0
RATE: Final = 2_000.0
POISON_EVENTS: Final = 3
POISON_RECORD: Final = b"\xff\xfenot an event at all"
POISON_AT: Final = 0.35
KILL_AT: Final = 0.55
LOOK_SECONDS_MAX: Final = 3.0
"""Longer than a batch window, so that a batch is met; a batch itself takes a tenth of a second."""
QUERIES: Final = (
    "SELECT carrier_name, count(*) AS flights, round(avg(departure_delay_minutes), 1) AS delay "
    "FROM departures GROUP BY ALL ORDER BY flights DESC LIMIT 5",
    "SELECT action, count(*) AS times, round(avg(duration_ms)) AS ms "
    "FROM actions GROUP BY ALL ORDER BY times DESC",
    "SELECT reason, field, detail, shard, position FROM quarantine ORDER BY arrival_time",
)


@dataclass(kw_only=True)
class Trouble:
    """What the demo does to its own stack, once each, and when."""

    stack: Stack
    aws: supervisor.LocalAws
    happenings: list[Happening] = field(default_factory=list)
    poisoned: bool = False
    killed: bool = False

    def make(self, share: float) -> None:
        """Make the trouble that is due when this share of the load is sent."""
        if share >= POISON_AT and not self.poisoned:
            self._poison()
        if share >= KILL_AT and not self.killed:
            self._kill()

    def _poison(self) -> None:
        """Put bytes on the stream that nothing can read."""
        self.poisoned = True
        address = address_of(0, ProducerSettings().lanes)
        record: Shipment[None] = Shipment(
            address=address, lane=0, opened_at=0.0, data=POISON_RECORD
        )
        with stack_transport(self.stack) as transport:
            send_record(transport, record)
        self._note("a record that no parser can read is on the stream")

    def _kill(self) -> None:
        """Kill the function's or the worker's process while it has a batch in its hands."""
        busy = self._busy_shard()
        if busy is None:
            return  # the load has not ended: the next call looks again
        self.killed = True
        for pid in processes_at_work(self.stack, self.aws):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        whose = "function" if self.stack.connection.kind == "kinesis" else "worker"
        self._note(f"the {whose}'s process is killed in the middle of a batch of {busy}")

    def _busy_shard(self) -> str | None:
        """Return a shard whose head says that an attempt is under way, None if none soon is."""
        environment = self.stack.environment
        ledger = DynamoLedger(environment.dynamodb, environment.settings.ledger_table)
        deadline = time.monotonic() + LOOK_SECONDS_MAX
        while time.monotonic() < deadline:
            for shard in ledger.shards():
                head = ledger.read_head(shard)
                if head is not None and head.open_range is not None:
                    return shard
        return None

    def _note(self, text: str) -> None:
        self.happenings.append(Happening(at_ms=wall_clock_ms(), text=text))
        ERR.print(f"[bold red]![/] {text}")


def last_act(home: Path, stack: Stack, settings: dict[str, str]) -> tuple[Happening, ...]:
    """Trip an alarm of the stack, clear it by its runbook, and return what happened when.

    A producer's release sends events that break their contract; the drill of that name waits for
    the alarm's message, runs the runbook's own blocks, waits for the message that all is well and
    accounts for its events, id by id. Raises OperatingError where it does not go like that.
    """
    ERR.print("[bold]and now an alarm:[/] a producer's release breaks its contract")
    rig = Rig(
        home=home,
        stack=stack,
        settings=settings,
        on_note=lambda note: ERR.print(f"[bold red]![/] {note.strip()}"),
    )
    outcome = run_drill(find(LAST_ACT), rig)
    if outcome.trouble:
        raise OperatingError(f"the drill {LAST_ACT} did not go as it should: {outcome.trouble}")
    result(
        f"alarm {outcome.detected_by}: on after {outcome.detected_seconds:.0f} s, cleared by its "
        f"runbook after {outcome.recovered_seconds:.0f} s; of {outcome.sent:,} more events "
        f"{outcome.stored:,} are stored, {outcome.quarantined:,} quarantined, {outcome.lost} lost"
    )
    wall_ms, monotonic = wall_clock_ms(), time.monotonic()
    return tuple(
        Happening(at_ms=wall_ms - round((monotonic - at) * 1_000), text=text)
        for at, text in rig.timeline
    )


def load_plan(stack: Stack, *, events: int | None, duration: float | None, rate: float) -> Plan:
    """Return the demo's plan: real departures, web actions, changes of planes, and poison."""
    return plan_for(
        stack, events=events, seconds=duration, rate=rate, web_users=10, poison=POISON_EVENTS
    )


def tell(stack: Stack, load: Path, *, kept: bool) -> None:
    """Say where everything is, with three questions to paste."""
    where = [
        f"report    {shown(load / 'report.html')}",
        f"lake      {shown(load / 'lake')}   (Parquet, a folder a table)",
        f"history   {shown(load / 'history')}",
        f"logs      {shown(stack.folder)}",
    ]
    if kept:
        where.append(f"running   {stack.endpoint}   (./dev sluice status --stack {STACK})")
    result("\n".join(where))
    result("\nAsk the lake, for example:")
    for sql in QUERIES:
        result(f'  ./dev sluice query --lake {shown(load / "lake")} "{sql}"')


@click.command(help=__doc__)
@click.option("--events", type=int, help="Number of events.")
@click.option("--duration", type=float, help=f"Seconds of load; {DURATION_SECONDS:.0f} if neither.")
@click.option("--rate", type=float, default=RATE, show_default=True, help="Events a second.")
@click.option(
    "--stream",
    type=click.Choice(list(STREAMS)),
    default="kinesis",
    show_default=True,
    help="What carries the events: Kinesis, or a real broker on this machine.",
)
@click.option("--open", "open_report", is_flag=True, help="Open the report in a browser.")
@click.option("--keep", is_flag=True, help="Leave the stack running.")
@click.pass_obj
def demo(home: Path, /, *, stream: str, open_report: bool, keep: bool, **wanted: Any) -> int:
    """Provision, load, break, verify, report; exit 0 when every event is accounted for."""
    if wanted["events"] is not None and wanted["duration"] is not None:
        raise UserError("give --events or --duration, not both")
    if wanted["events"] is None and wanted["duration"] is None:
        wanted["duration"] = DURATION_SECONDS
    folder = stacks.folder_of(home, STACK)
    if supervisor.running(folder):
        raise UserError(
            f"an earlier demo is still running; stop it: ./dev sluice down --stack {STACK}"
        )
    began = time.monotonic()
    ERR.print(Panel("Sluice: events in, rows out, everything accounted for", expand=False))
    settings = dict(STREAMS[stream])
    try:
        stack = bring_up(home, STACK, settings, None, compression=COMPRESSION)
        aws = supervisor.running(folder)
        assert aws is not None
        plan = load_plan(stack, **wanted)
        load = stack.loads / plan.run
        trouble = Trouble(stack=stack, aws=aws)
        with progress() as bars:
            send(plan, load, bars=bars, while_running=trouble.make)
        happenings = (*trouble.happenings, *last_act(home, stack, settings))
        evaluation, paths = conclude(stack, load, happenings=happenings)
    except BaseException:
        stop_local(folder)
        raise
    if not keep:
        stop_local(folder)
    tell(stack, load, kept=keep)
    say(f"done in {time.monotonic() - began:.0f} s")
    if open_report:
        webbrowser.open(paths.html.as_uri())
    return evaluation.exit_code

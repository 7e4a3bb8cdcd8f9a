"""Send a load of real departures and web actions, then account for every event of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import rich_click as click
from rich.progress import Progress as Bars

from infra.local.front.control import Front
from loadtests import run as loads
from loadtests.plan import Plan
from loadtests.progress import Progress as LoadProgress
from loadtests.shapes import SPIKE_TIMES, ShapeName
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import connection_of
from sluice import stack as stacks
from sluice.accounting import conclude
from sluice.aws_limits import aws_limits, facts_of
from sluice.console import progress, say, shown
from sluice.options import stack_option
from sluice.stack import Stack

LIVE_SECONDS: Final = 0.25
DURATION_SECONDS: Final = 30.0
PLAIN_LANES: Final = 512
"""A lane has one record under way, for the sake of order: so many fill a request of 500 records."""
SHAPE_HELP: Final = (
    "The rate over time: steady; ramp, up to it; spike, many times it in the middle for a tenth of "
    "the time; soak, a slow wave about it."
)
SPIKE_HELP: Final = "How many times the rate a spike reaches."


def new_run() -> str:
    """Return a run's name, by its start to the second, UTC."""
    return time.strftime("r%m%d%H%M%S", time.gmtime())


def plan_for(stack: Stack, **wanted: Any) -> Plan:
    """Return the plan of a load on a stack. Raises UserError on a value out of bounds."""
    return Plan.of(
        run=new_run(),
        connection=connection_of(stack.outputs),
        where=stack.where,
        **wanted,
    )


def note_of(now: LoadProgress, seconds: float) -> str:
    """Return a load's progress as one line."""
    rate = now.sent / seconds if seconds > 0 else 0.0
    trouble = "".join(
        f", {count:,} {what}"
        for what, count in (("refused", now.refused), ("unknown", now.unknown))
        if count
    )
    return (
        f"{now.sent:,} of {now.planned:,} events sent, {now.acknowledged:,} acknowledged, "
        f"{rate:,.0f}/s{trouble}"
    )


def send(
    plan: Plan, folder: Path, *, bars: Bars, while_running: Callable[[float], None] | None = None
) -> LoadProgress:
    """Run a load to its end with a live line; `while_running` hears the share that is sent.

    Raises OperatingError when a process of the load fails; none is left behind in any case.
    """
    task = bars.add_task("load", total=plan.events, note="starting")
    with loads.start(plan, folder) as running:
        began = time.monotonic()
        while running.pause(LIVE_SECONDS):
            now = running.progress()
            bars.update(task, completed=now.sent, note=note_of(now, time.monotonic() - began))
            if while_running is not None:
                while_running(now.sent / plan.events)
        done = running.wait()
    bars.update(task, completed=done.sent, note=note_of(done, time.monotonic() - began))
    return done


@click.command(help=__doc__)
@stack_option
@click.option("--rate", type=float, default=2_000, show_default=True, help="Events a second.")
@click.option("--duration", type=float, help=f"Seconds; {DURATION_SECONDS:.0f} unless --events.")
@click.option("--events", type=int, help="Number of events, instead of --duration.")
@click.option("--shape", type=click.Choice(get_args(ShapeName)), default="steady", help=SHAPE_HELP)
@click.option("--spike-times", type=float, default=SPIKE_TIMES, show_default=True, help=SPIKE_HELP)
@click.option("--producers", type=int, default=1, show_default=True, help="Producer processes.")
@click.option("--web-users", type=int, default=10, show_default=True, help="Locust web users.")
@click.option("--poison", type=int, default=0, show_default=True, help="Events that break a rule.")
@click.option(
    "--producer-metrics", is_flag=True, help="Publish the producers' buffers and throttles, too."
)
@click.option("--plain", is_flag=True, help="One event a record, instead of many in one.")
@click.option("--buffer-mb", type=click.IntRange(1, 1_024), help="A producer's buffer, in MB.")
@click.option("--aws-limits", "limited", is_flag=True, help="Keep AWS's rates, on a local stack.")
@click.option("--verify/--no-verify", default=True, help="Drain and account for every event.")
@click.option(
    "--objectives",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the load must reach; loadtests/objectives.toml unless told otherwise.",
)
@click.pass_obj
def load(home: Path, /, stack: str, limited: bool, **wanted: Any) -> int:
    """Send, with a live line; exit 0 when the objectives are met, 1 when not, 4 when unknown."""
    found = stacks.find(home, stack)
    if not limited:
        return _send_and_account(found, None, **wanted)
    with aws_limits(found) as front:
        return _send_and_account(found, front, **wanted)


def _send_and_account(
    found: Stack, front: Front | None, *, verify: bool, objectives: Path | None, **wanted: Any
) -> int:
    seconds = wanted.pop("duration")
    if seconds is None and wanted["events"] is None:
        seconds = DURATION_SECONDS
    every = found.minute_seconds if wanted.pop("producer_metrics") else None
    settings = settings_of(plain=wanted.pop("plain"), buffer_mb=wanted.pop("buffer_mb"))
    plan = plan_for(found, seconds=seconds, metrics_seconds=every, settings=settings, **wanted)
    folder = found.loads / plan.run
    with progress() as bars:
        done = send(plan, folder, bars=bars)
    notes = facts_of(front.written(), done) if front else {}
    if not verify:
        for name, said in notes.items():
            say(f"{name}: {said}")
        say(f"history in {folder}; next: ./dev sluice verify --stack {found.name}")
        return 0
    evaluation, paths = conclude(found, folder, objectives=objectives, notes=notes)
    say(f"report: {shown(paths.html)}")
    return evaluation.exit_code


def settings_of(*, plain: bool, buffer_mb: int | None) -> ProducerSettings:
    """Return a producer's settings as asked for on the command line."""
    asked: dict[str, int] = {"record_events": 1, "lanes": PLAIN_LANES} if plain else {}
    if buffer_mb is not None:
        asked["buffer_bytes_max"] = buffer_mb * 1_048_576
    return ProducerSettings(**asked)

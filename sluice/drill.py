"""Break a stack, watch its alarm fire, run the runbook, account for every event."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import rich_click as click
from rich.table import Table

from pipeline.errors import UserError
from sluice import stack as stacks
from sluice.console import ERR, OUT, result, say
from sluice.drills.catalogue import DRILLS, find
from sluice.drills.drill import Drill, Outcome, Stream
from sluice.drills.page import PAGE, merged
from sluice.drills.rig import Rig
from sluice.drills.run import run_drill
from sluice.drills.stacks import MINUTE_SECONDS, Rigs
from sluice.stack import Stack
from sluice.up import remembered

Run = tuple[Drill, Stream]


def listed() -> None:
    """Print every drill: what breaks, and which alarm says so."""
    table = Table("drill", "streams", "fault", "alarm", "runbook")
    for each in DRILLS:
        alarm, streams = each.alarm or "none, by design", ", ".join(each.streams)
        table.add_row(each.id, streams, each.fault, alarm, each.cause)
    OUT.print(table)


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Return the results as a table for a person."""
    table = Table(
        "drill", "stream", "detected by", "after", "recovered after", "lost", "dup.", "alt.", ""
    )
    for each in outcomes:
        table.add_row(
            each.id,
            each.stream,
            each.detected_by or "none, by design",
            _seconds(each.detected_seconds),
            _seconds(each.recovered_seconds),
            f"{each.lost:,}",
            f"{each.duplicated:,}",
            f"{each.altered:,}",
            "[red]failed" if each.trouble else "as it should",
        )
    return table


def on_streams(drills: Sequence[Drill], wanted: str | None) -> list[Run]:
    """Return each drill with each of its streams, or the one that is wanted; a stream in a row.

    Raises UserError for drills of which none is of that stream.
    """
    runs = [
        (d, s) for s in get_args(Stream) if wanted in (None, s) for d in drills if s in d.streams
    ]
    if drills and not runs:
        raise UserError(f"none of these drills is of a stack on {wanted}; see: ./dev sluice drill")
    return runs


def run_all(runs: Sequence[Run], rigs: Rigs) -> list[Outcome]:
    """Run drills one after another, each on its stack, and say how each went."""
    outcomes = []
    for each, stream in runs:
        ERR.print(f"[bold]{each.id}[/] on {stream}: {each.fault}")
        outcome = run_drill(each, rigs.of(each, stream))
        outcomes.append(outcome)
        ERR.print("  failed:" if outcome.trouble else "  as it should be", outcome.trouble)
    return outcomes


def where(
    home: Path, stack: str | None, on_aws: str | None, *, drills: Sequence[Drill], minute: float
) -> Rigs:
    """Return the stacks that drills run on. Raises UserError for one that they must not touch."""
    if stack is None and on_aws is None:
        return Rigs(home=home / "drills", minute_seconds=minute, on_note=_note)
    if stack is not None and on_aws is not None:
        raise UserError("give --stack for a local stack or --on-aws for one on AWS, not both")
    found = stacks.find(home, str(stack or on_aws))
    if stack is not None and found.endpoint is None:
        raise UserError(
            f"stack {stack} is not local, and a drill breaks what it runs on; if that is meant: "
            f"./dev sluice drill --on-aws {stack}"
        )
    if found.endpoint is None and (local := [d.id for d in drills if not d.anywhere]):
        raise UserError(f"only on the local AWS can this be broken: {', '.join(local)}")
    return Rigs(home=home, only=_rig_of(home, found))


def _rig_of(home: Path, found: Stack) -> Rig:
    return Rig(
        home=home,
        stack=found,
        settings=remembered(found.folder),
        on_note=_note,
    )


def _note(text: str) -> None:
    ERR.print(f"  {text}", markup=False)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


@click.command(help=__doc__)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Run all of them.")
@click.option("--stack", help="A running local stack, instead of stacks of the drills' own.")
@click.option("--on-aws", metavar="STACK", help="A stack on AWS: it is really broken.")
@click.option("--stream", type=click.Choice(get_args(Stream)), help="Only on this kind of stack.")
@click.option(
    "--write", is_flag=True, help="Write the rows of those that went well to docs/reliability.md."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the outcomes.")
@click.option(
    "--minute-seconds",
    type=click.FloatRange(0.5, 60),
    default=MINUTE_SECONDS,
    show_default=True,
    help="What a minute of the own stacks' alarms takes.",
)
@click.pass_obj
def drill(home: Path, /, ids: tuple[str, ...], every: bool, write: bool, **rest: Any) -> int:
    """List the drills, or run some; exit 0 when each went as it should, 1 when not."""
    drills = DRILLS if every else [find(each) for each in ids]
    if not drills:
        listed()
        say("run one: ./dev sluice drill ID, all of them: ./dev sluice drill --all")
        return 0
    minute = rest["minute_seconds"]
    with where(home, rest["stack"], rest["on_aws"], drills=drills, minute=minute) as rigs:
        own = rigs.only.stack.connection.kind if rigs.only else None
        outcomes = run_all(on_streams(drills, own or rest["stream"]), rigs)
    OUT.print(outcome_table(outcomes))
    for each in outcomes:
        if each.trouble:
            result(f"{each.id}: {each.trouble}")
    if rest["json_file"]:
        rest["json_file"].write_text(
            json.dumps([o.to_json() for o in outcomes], indent=2), encoding="utf-8"
        )
    good = [each for each in outcomes if not each.trouble]
    if write:
        kept = PAGE.read_text(encoding="utf-8")
        keys = [(each.id, stream) for each, stream in on_streams(DRILLS, None)]
        PAGE.write_text(merged(kept, good, keys, minute=minute), encoding="utf-8")
    return int(len(good) < len(outcomes))

"""Read a runbook, or run it step by step: the same blocks that the tests and drills run."""

import os
from functools import partial
from pathlib import Path

import rich_click as click
from rich.markdown import Markdown
from rich.table import Table

from sluice import runbooks
from sluice.console import ERR, OUT, say
from sluice.options import stack_name
from sluice.runbooks import Runbook, Step
from sluice.stack import ROOT

FOLDER = ROOT / "runbooks"
ASKED = ("Fix", "Roll back")
"""What changes something is asked for; the other sections only read."""

RUN, SKIP, QUIT = "run", "skip", "quit"


class Quit(Exception):
    """The operator ended the run before a step."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.step = step


@click.group(help=__doc__)
def runbook() -> None:
    """Hold the three commands together."""


@runbook.command("list")
def list_() -> None:
    """Say which runbooks there are, and what each is for."""
    index = runbooks.index(FOLDER)
    table = Table("runbook", "what for")
    for path in runbooks.paths(FOLDER):
        table.add_row(path.stem, index.get(path.stem, ""))
    OUT.print(table)


@runbook.command()
@click.argument("runbook_id", metavar="ID")
def show(runbook_id: str) -> None:
    """Show a runbook."""
    OUT.print(Markdown(runbooks.find(FOLDER, runbook_id).text))


@runbook.command()
@click.argument("runbook_id", metavar="ID")
@click.option(
    "--stack",
    default="local",
    show_default=True,
    envvar="SLUICE_STACK",
    callback=stack_name,
    help="The stack's name; SLUICE_STACK is the default where it is set.",
)
@click.option("--cause", help="Which heading under Fix to run; without it only the diagnosis runs.")
@click.option("--roll-back", is_flag=True, help="Run the steps of Roll back instead.")
@click.option("--yes", is_flag=True, help="Do not ask before each step that changes something.")
@click.pass_obj
def run(
    home: Path, runbook_id: str, stack: str, *, cause: str | None, roll_back: bool, yes: bool
) -> int:
    """Run a runbook's steps, one after the other, and stop at the first that fails."""
    found = runbooks.find(FOLDER, runbook_id)
    variables = {**os.environ, "SLUICE_STACK": stack, "SLUICE_HOME": str(home)}
    return operate(
        found, folder=ROOT, variables=variables, cause=cause, roll_back=roll_back, yes=yes
    )


def operate(
    found: Runbook,
    *,
    folder: Path,
    variables: dict[str, str],
    cause: str | None,
    roll_back: bool,
    yes: bool,
) -> int:
    """Run what an operator asked for and say where it stopped; return the exit code.

    Raises UserError for a cause that the runbook does not have.
    """
    sections = ["Before you start"]
    if roll_back:
        sections += ["Roll back"]
    else:
        sections += ["Diagnose"] if cause is None else ["Diagnose", "Fix", "Verify"]
    meant = None if cause is None else found.cause(cause)
    for section in sections:
        OUT.print(Markdown(found.part(section, meant if section == "Fix" else None)))
    try:
        trouble = runbooks.run(
            found,
            folder=folder,
            variables=variables,
            sections=sections,
            cause=meant,
            on_step=partial(_ask, found, yes=yes),
            on_output=lambda text: OUT.print(text, end="", markup=False),
        )
    except Quit as quitted:
        say(f"stopped before {found.name}:{quitted.step.line}; {_again(found, meant)}")
        return 1
    if trouble:
        ERR.print(f"stopped at {trouble}", markup=False)
        say(f"mend that first; every step may be repeated, so {_again(found, meant)}")
        return 1
    if cause is None and not roll_back:
        causes = ", ".join(f'"{each}"' for each in found.causes)
        say(f"which is it? Run the same with --cause and one of: {causes}")
    else:
        say(f"{found.name}: every step is done")
    return 0


def _again(found: Runbook, cause: str | None) -> str:
    words = f' --cause "{cause}"' if cause else ""
    return f"go on with: ./dev sluice runbook run {found.id}{words}"


def _ask(found: Runbook, step: Step, *, yes: bool) -> bool:
    """Show a step and return whether to run it. Raises Quit."""
    OUT.rule(f"{found.name}:{step.line} ({step.section})", align="left")
    if step.loses:
        ERR.print(f"DESTRUCTIVE: {step.loses}", style="bold red", markup=False)
    OUT.print(step.text, end="", style="bold", markup=False)
    if yes or step.section not in ASKED:
        return True
    try:
        choice = click.prompt("run it?", type=click.Choice((RUN, SKIP, QUIT)), err=True)
    except click.Abort:
        raise Quit(step) from None
    if choice == QUIT:
        raise Quit(step)
    return bool(choice == RUN)

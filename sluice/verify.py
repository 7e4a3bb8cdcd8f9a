"""Account for every event of a load: its history against the lake and quarantine."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import rich_click as click

from pipeline.audit.relations import find_inputs
from pipeline.audit.verdict import Validity, Verdict
from pipeline.audit.verify import verify as judge
from pipeline.domain.contracts import CONTRACTS
from pipeline.errors import UserError
from pipeline.sinks.lake_reader import copy_lake
from sluice import stack as stacks
from sluice.console import progress, result, result_json
from sluice.drain import DRAIN_SECONDS_MAX, drain_stack
from sluice.options import json_option, stack_option
from sluice.stack import Stack

EXIT_BY_VALIDITY = {Validity.VALID: 0, Validity.INVALID: 1, Validity.UNKNOWN: 4}


def account(stack: Stack, load: Path, *, on_note: Callable[[str], None]) -> Verdict:
    """Return the verdict on a load whose folder is `load`, over the whole lake and quarantine.

    The lake is copied to `<load>/lake`, where it can still be asked when the stack is gone. Raises
    UserError when the folder holds no load, OperatingError when the lake cannot be read.
    """
    try:
        facts = json.loads((load / "load.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{load} holds no load.json; name the folder of a load") from None
    lake = load / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    copy_lake(
        stack.environment.s3,
        stack.environment.settings.lake_bucket,
        lake,
        on_file=lambda files: on_note(f"{files:,} files read"),
    )
    inputs = find_inputs(
        facts["run"], history=load / "history", lake=lake, sends_expected=facts["sent"]
    )
    on_note("accounting for every id")
    with tempfile.TemporaryDirectory(prefix="sluice-verify-", dir=load) as spill:
        return judge(inputs, CONTRACTS, spill=Path(spill))


def conclude(stack: Stack, load: Path, *, objectives: Path | None) -> int:
    """Drain, account, write the report, say the verdict, and return the exit code."""
    with progress() as bars:
        task = bars.add_task("drain", total=1, note="")
        drain_stack(
            stack,
            seconds_max=DRAIN_SECONDS_MAX,
            on_wait=lambda what: bars.update(task, note=what),
        )
        bars.update(task, completed=1, note="nothing pending")
        task = bars.add_task("verify", total=1, note="")
        verdict = account(stack, load, on_note=lambda note: bars.update(task, note=note))
        bars.update(task, completed=1, note=str(verdict.validity))
    result(verdict.summary())
    return EXIT_BY_VALIDITY[verdict.validity]


@click.command(help=__doc__)
@stack_option
@click.option(
    "--load",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of the load to account for; the stack's last unless told otherwise.",
)
@json_option
@click.pass_obj
def verify(home: Path, stack: str, load: Path | None, as_json: bool) -> int:
    """Print the verdict; exit 0 when valid, 1 when invalid, 4 when it cannot be known."""
    found = stacks.find(home, stack)
    with progress() as bars:
        task = bars.add_task("verify", total=1, note="")
        verdict = account(
            found,
            load or found.last_load(),
            on_note=lambda note: bars.update(task, note=note),
        )
        bars.update(task, completed=1, note=str(verdict.validity))
    if as_json:
        result_json(verdict.to_json())
    else:
        result(verdict.summary())
    return EXIT_BY_VALIDITY[verdict.validity]

"""Account for every event of a load: its history against the lake and quarantine."""

from pathlib import Path
from typing import Final

import rich_click as click

from pipeline.audit.verdict import Validity
from sluice import stack as stacks
from sluice.accounting import account
from sluice.console import progress, result, result_json
from sluice.options import json_option, stack_option

EXIT_BY_VALIDITY: Final = {Validity.VALID: 0, Validity.INVALID: 1, Validity.UNKNOWN: 4}


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
        ).verdict
        bars.update(task, completed=1, note=str(verdict.validity))
    if as_json:
        result_json(verdict.to_json())
    else:
        result(verdict.summary())
    return EXIT_BY_VALIDITY[verdict.validity]

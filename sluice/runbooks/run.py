"""Run a runbook's steps in one bash and tell the first that fails by its line."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import UserError
from sluice.runbooks.document import SECTIONS
from sluice.runbooks.runbook import Runbook, Step
from sluice.runbooks.shell import STEP_SECONDS_MAX, Shell

KEPT: Final = ("PATH", "HOME")
KEPT_PREFIXES: Final = ("SLUICE_", "AWS_", "PULUMI_")
"""A runbook reads `SLUICE_*` and `AWS_*` alone; `PULUMI_*` is how the CLI behind verbs logs in."""

COLUMNS: Final = "160"
FIX: Final = "Fix"


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that steps get of these variables: little, and the same anywhere."""
    kept = {
        name: value
        for name, value in variables.items()
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "COLUMNS": COLUMNS, **kept}


def chosen(runbook: Runbook, sections: Sequence[str], cause: str | None) -> list[Step]:
    """Return the steps of these sections, of Fix those of one cause, in the document's order.

    Raises UserError for an unknown section or cause, and for Fix without one: causes exclude
    one another.
    """
    for section in sections:
        if section not in SECTIONS:
            raise UserError(f'there is no section "{section}"; known: {", ".join(SECTIONS)}')
    if FIX in sections and cause is None:
        causes = ", ".join(f'"{each}"' for each in runbook.causes)
        raise UserError(f"{runbook.name}: which cause is to be fixed? It has {causes}")
    meant = None if cause is None else runbook.cause(cause)
    return [
        step
        for step in runbook.steps
        if step.section in sections and (step.section != FIX or step.cause == meant)
    ]


def run(
    runbook: Runbook,
    *,
    folder: Path,
    variables: Mapping[str, str],
    sections: Sequence[str],
    cause: str | None = None,
    on_step: Callable[[Step], bool | None] = lambda _step: None,
    on_output: Callable[[str], None] = lambda _text: None,
    seconds_max: float = STEP_SECONDS_MAX,
) -> str:
    """Run steps in `folder` and return the first that fails, by its line; empty if none does.

    `on_step` is called before each step and leaves it out by returning False. `seconds_max` is the
    limit of each step. Raises UserError for what the runbook does not have.
    """
    steps = chosen(runbook, sections, cause)
    with Shell(folder, environment_of(variables), on_output) as shell:
        for step in steps:
            if on_step(step) is False:
                continue
            end, printed = shell.run(step.text, seconds_max=seconds_max)
            if end:
                return f"{runbook.name}:{step.line} ({step.section}): {end}"
            if step.expect is not None and not matches(step.expect, printed):
                where = f"{runbook.name}:{step.expect_line} ({step.section})"
                return f"{where}: printed instead:\n{printed}"
    return ""


def matches(expected: str, printed: str) -> bool:
    """Return whether a step printed what was expected; `...` is anything, alone any lines."""
    lines = [
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.fullmatch("".join(lines), printed.rstrip() + "\n") is not None

"""The project's documents as data: which there are, and what they name of the repository."""

import re
import shlex
from pathlib import Path

from sluice.runbooks import SECTIONS, Fence, fences, find, headings, paths, prose

__all__ = [
    "ROOT",
    "RUNBOOKS",
    "SECTIONS",
    "SETTING",
    "Fence",
    "commands",
    "documents",
    "fences",
    "headings",
    "prose",
    "runbooks",
    "settings_given",
]

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "runbooks"
SETTING = re.compile(r"[a-z_]+=[^=]*$").match
"""A word of a command that gives a setting a value."""


def documents() -> list[Path]:
    """Return every document of the project."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "Pulumi.README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted(RUNBOOKS.glob("*.md")),
    ]


def runbooks() -> list[Path]:
    """Return every runbook; the index is none."""
    return paths(RUNBOOKS)


def commands(fence: Fence) -> list[str]:
    """Return the `./dev` commands of a fence, each on one line, up to a pipe or redirection."""
    joined = re.sub(r"\\\n\s*", " ", fence.text)
    # Quoted text is taken whole: SQL compares, too.
    command = r"(?<!\S)\./dev\b(?:'[^']*'|\"[^\"]*\"|(?!\s(?:[|<>]|\|\||&&)\s)[^'\"\n])*"
    return [found.strip() for found in re.findall(command, joined)]


def settings_given(runbook_id: str, cause: str) -> dict[str, str]:
    """Return the settings that a runbook's fix deploys, by name."""
    steps = [step.text for step in find(RUNBOOKS, runbook_id).steps if step.cause == cause]
    assert steps
    pairs = [word for step in steps for word in shlex.split(step) if SETTING(word)]
    return dict(pair.split("=", 1) for pair in pairs)

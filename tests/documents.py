"""The project's documents as data: which there are, and what they name of the repository."""

import re
from pathlib import Path

from sluice.runbooks import SECTIONS, Fence, fences, headings, paths, prose

__all__ = [
    "ROOT",
    "RUNBOOKS",
    "SECTIONS",
    "Fence",
    "commands",
    "documents",
    "fences",
    "headings",
    "prose",
    "runbooks",
]

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "runbooks"


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

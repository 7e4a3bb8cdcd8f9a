"""The project's documents as data: fences, sections, and what they name of the repository."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "runbooks"
SECTIONS = (
    "Impact",
    "Before you start",
    "Diagnose",
    "Fix",
    "Verify",
    "Roll back",
    "Escalate",
)


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A fenced block: `language` is all that stands behind the opening ticks."""

    language: str
    line: int
    section: str
    text: str


def documents() -> list[Path]:
    """Return every document of the project."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted(RUNBOOKS.glob("*.md")),
    ]


def runbooks() -> list[Path]:
    """Return every runbook; the index is none."""
    return [path for path in sorted(RUNBOOKS.glob("*.md")) if path.name != "README.md"]


def headings(text: str, level: int) -> list[str]:
    """Return the headings of one level, outside of fences, in order."""
    opening = "#" * level + " "
    return [line.removeprefix(opening) for _, line in prose(text) if line.startswith(opening)]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines outside of fences."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks in order, each with the `##` section that it stands in."""
    found: list[Fence] = []
    section, opened, language, body = "", 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not opened and line.startswith("## "):
            section = line.removeprefix("## ")
        elif not opened and line.startswith("```"):
            opened, language, body = number, line.removeprefix("```").strip(), []
        elif opened and line.startswith("```"):
            content = "".join(f"{each}\n" for each in body)
            found.append(Fence(language=language, line=opened, section=section, text=content))
            opened = 0
        elif opened:
            body.append(line)
    return found


def commands(fence: Fence) -> list[str]:
    """Return the `./dev` commands of a fence, each on one line, up to a pipe or redirection."""
    joined = re.sub(r"\\\n\s*", " ", fence.text)
    return [
        re.split(r"\s[|<>]\s", command)[0].strip()
        for command in re.findall(r"(?<!\S)\./dev\b(?:'[^']*'|\"[^\"]*\"|[^'\"\n])*", joined)
    ]

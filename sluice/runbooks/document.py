"""A Markdown document as headings, prose and fences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SECTIONS: Final = (
    "Impact",
    "Before you start",
    "Diagnose",
    "Fix",
    "Verify",
    "Roll back",
    "Escalate",
)
"""The sections of every runbook, in this order."""

TICKS: Final = "```"


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A fenced block: `language` is all that stands behind the opening ticks.

    `section` and `cause` are the `##` and `###` headings that it stands under, `before` the
    paragraph right before it; `closed` is False for a block that the document never closes.
    """

    language: str
    line: int
    section: str
    text: str
    cause: str = ""
    before: str = ""
    closed: bool = True


def headings(text: str, level: int) -> list[str]:
    """Return the headings of one level, outside of fences, in order."""
    opening = "#" * level + " "
    return [line.removeprefix(opening) for _, line in prose(text) if line.startswith(opening)]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines outside of fences."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(TICKS):
            inside = not inside
        elif not inside:
            yield number, line


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks in order, each with the headings that it stands under."""
    found: list[Fence] = []
    lines = text.splitlines()
    section, cause, opened = "", "", 0

    def add(last: int, *, closed: bool) -> None:
        found.append(
            Fence(
                language=lines[opened - 1].removeprefix(TICKS).strip(),
                line=opened,
                section=section,
                cause=cause,
                text="".join(f"{line}\n" for line in lines[opened:last]),
                before=_paragraph_before(lines[: opened - 1]),
                closed=closed,
            )
        )

    for number, line in enumerate(lines, start=1):
        if line.startswith(TICKS):
            if opened:
                add(number - 1, closed=True)
            opened = 0 if opened else number
        elif not opened and line.startswith("## "):
            section, cause = line.removeprefix("## "), ""
        elif not opened and line.startswith("### "):
            cause = line.removeprefix("### ")
    if opened:
        add(len(lines), closed=False)
    return found


def part(text: str, section: str, cause: str | None) -> str:
    """Return what stands under a `##` heading, or under one `###` of it, heading included."""
    kept: list[str] = []
    here, in_fence = ("", ""), False
    for line in text.splitlines():
        in_fence ^= line.startswith(TICKS)
        if not in_fence and line.startswith("## "):
            here = (line.removeprefix("## "), "")
        elif not in_fence and line.startswith("### "):
            here = (here[0], line.removeprefix("### "))
        if here[0] == section and cause in (None, here[1]):
            kept.append(line)
    return "\n".join(kept)


def _paragraph_before(lines: list[str]) -> str:
    """Return the last paragraph of `lines` on one line; empty if a heading or fence is the last."""
    paragraph: list[str] = []
    for line in reversed(lines):
        if line.startswith(("#", TICKS)) or (paragraph and not line.strip()):
            break
        if line.strip():
            paragraph.insert(0, line.strip())
    return " ".join(paragraph)

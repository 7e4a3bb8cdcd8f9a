"""A runbook: its causes and the steps that run, refused where it breaks its grammar."""

import difflib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from pipeline.errors import UserError
from sluice.runbooks.document import SECTIONS, Fence, fences, headings, part, prose

BASH: Final = "bash"
DESTRUCTIVE: Final = "bash destructive"
EXPECT: Final = "text expect"
TEXT: Final = "text"
LANGUAGES: Final = (BASH, DESTRUCTIVE, TEXT, EXPECT)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One `bash` fence: `expect` is what it has to print, None for anything.

    `loses` says what a destructive step loses, and is empty for every other one.
    """

    section: str
    cause: str
    line: int
    text: str
    expect: str | None = None
    expect_line: int = 0
    loses: str = ""


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """One document; `name` is how it is told in messages, e.g. `runbooks/iterator-age.md`."""

    id: str
    name: str
    text: str
    causes: tuple[str, ...]
    steps: tuple[Step, ...]

    def cause(self, words: str) -> str:
        """Return the heading under Fix that is meant, letter case aside.

        Raises UserError with the nearest ones.
        """
        known = {cause.lower(): cause for cause in self.causes}
        if found := known.get(words.strip().lower()):
            return found
        near = difflib.get_close_matches(words.lower(), known, n=3, cutoff=0.4) or list(known)
        meant = ", ".join(f'"{known[each]}"' for each in near)
        raise UserError(f'{self.name} has no cause "{words}" under Fix; it has {meant}')

    def part(self, section: str, cause: str | None = None) -> str:
        """Return the Markdown of a section, or of one cause of it, heading included."""
        return part(self.text, section, cause)


def parse(path: Path) -> Runbook:
    """Return the runbook in a file. Raises UserError, with file and line, for a broken one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the runbook {path}: {error}") from None
    return parse_text(f"{path.parent.name}/{path.name}", text)


def parse_text(name: str, text: str) -> Runbook:
    """Return the runbook that a text is. Raises UserError, with `name` and line."""
    found = fences(text)
    for fence in found:
        if fault := _fault(fence):
            raise UserError(f"{name}:{fence.line}: {fault}")
    own_id = Path(name).stem
    if headings(text, 1) != [own_id]:
        raise UserError(f"{name}:1: the title is not the file's name; write: # {own_id}")
    _check_sections(name, text)
    causes = tuple(headings(text.partition("## Fix\n")[2].partition("## Verify\n")[0], 3))
    if len(set(causes)) != len(causes) or not causes:
        raise UserError(f"{name}: Fix needs one ### heading a cause, each a different one")
    return Runbook(id=own_id, name=name, text=text, causes=causes, steps=_steps(name, found))


def _fault(fence: Fence) -> str:
    """Return what is wrong with one fence, empty if nothing is."""
    if not fence.closed:
        return "the block that opens here does not close; add a line of three backticks"
    if fence.language not in LANGUAGES:
        return f'there is no block "{fence.language}"; a runbook has {", ".join(LANGUAGES)}'
    if fence.language == DESTRUCTIVE and not fence.before:
        return "a destructive command stands alone, after a line that says what is lost"
    return ""


def _check_sections(name: str, text: str) -> None:
    """Raise UserError unless the document has all sections, in their order."""
    due = list(SECTIONS)
    for number, line in prose(text):
        if not line.startswith("## "):
            continue
        section = line.removeprefix("## ")
        if section not in SECTIONS:
            known = ", ".join(SECTIONS)
            raise UserError(f'{name}:{number}: there is no section "{section}"; known: {known}')
        if not due or section != due[0]:
            wanted = f'"{due[0]}" is due here' if due else "nothing is due after it"
            raise UserError(f'{name}:{number}: section "{section}" is out of order; {wanted}')
        due.pop(0)
    if due:
        raise UserError(f'{name}: the section "{due[0]}" is missing; add: ## {due[0]}')


def _steps(name: str, found: list[Fence]) -> tuple[Step, ...]:
    """Return the blocks that run. Raises UserError for an expectation that follows none."""
    steps: list[Step] = []
    nothing = Fence(language="", line=0, section="", text="")
    for fence, after in pairwise([nothing, *found, nothing]):
        if after.language == EXPECT and fence.language not in (BASH, DESTRUCTIVE):
            raise UserError(f"{name}:{after.line}: what is expected stands right after its command")
        if fence.language in (BASH, DESTRUCTIVE):
            expects = after.language == EXPECT
            steps.append(
                Step(
                    section=fence.section,
                    cause=fence.cause,
                    line=fence.line,
                    text=fence.text,
                    expect=after.text if expects else None,
                    expect_line=after.line if expects else 0,
                    loses=fence.before if fence.language == DESTRUCTIVE else "",
                )
            )
    return tuple(steps)

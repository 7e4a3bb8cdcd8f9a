"""Which runbooks a checkout has, and what each is for."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import UserError
from sluice.runbooks.runbook import Runbook, parse

INDEX: Final = "README.md"
ROW: Final = re.compile(r"^\| \[([\w-]+)\]\([\w-]+\.md\) \| (.+?) \|$", flags=re.MULTILINE)


def paths(folder: Path) -> list[Path]:
    """Return every runbook of a folder; the index is none. Raises UserError if there are none."""
    found = [path for path in sorted(folder.glob("*.md")) if path.name != INDEX]
    if not found:
        raise UserError(
            f"there are no runbooks in {folder}: they are part of the repository, not of the "
            "package; run this from a checkout of the revision that is deployed"
        )
    return found


def find(folder: Path, runbook_id: str) -> Runbook:
    """Return a runbook by its id. Raises UserError with the nearest ids for one that is not."""
    known = {path.stem: path for path in paths(folder)}
    if runbook_id not in known:
        near = difflib.get_close_matches(runbook_id, known, n=3, cutoff=0.4)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"there is no runbook {runbook_id}{meant} (./dev sluice runbook list)")
    return parse(known[runbook_id])


def index(folder: Path) -> Mapping[str, str]:
    """Return what each runbook is for, by id, as the index tells it, in its order."""
    paths(folder)
    text = (folder / INDEX).read_text(encoding="utf-8") if (folder / INDEX).exists() else ""
    return {match[1]: match[2] for match in ROW.finditer(text)}

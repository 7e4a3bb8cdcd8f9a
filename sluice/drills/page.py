"""The page docs/reliability.md: a row a drill and stream, each of the last run that was written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import UserError
from sluice.drills.drill import Outcome
from sluice.drills.stacks import AWS_MINUTE_SECONDS
from sluice.stack import ROOT

PAGE: Final = ROOT / "docs" / "reliability.md"

_HEAD: Final = """\
# Reliability

Written by `./dev sluice drill --write`; each row is of the last run of its drill. Every drill
breaks a real stack on the local AWS, with a real broker where it streams by one, while events
arrive. It waits until the stack's alarm says so to a subscriber of its topic, runs the blocks of
the runbook as they stand there, waits for the message that all is well, and accounts for every
event by its id.

Times are real seconds since the fault; recovered is when the alarm's message that all is well has
come and the runbook's fix has been run. A minute of alarms and schedules took {minute:g} s,
{factor:g} times less than on AWS, and longer where brokers or workers start again in silence, which
takes real seconds; ages and durations of events are not compressed. *None, by design* is a fault
that is survived in silence: the drill fails if any alarm fires.

**{drills} kinds of fault, {sent:,} events: {lost:,} lost, {duplicated:,} duplicated, {altered:,}
altered.**

"""
_SILENT: Final = "\n## Why some faults raise no alarm\n\n"
_MOVED: Final = "\n## Stored after later events of their key\n\n"

_COLUMNS: Final = (
    *("drill", "stream", "fault", "detected by", "after", "recovered after", "runbook"),
    *("events", "quarantined", "lost", "duplicated", "altered"),
)
_MINUTE: Final = re.compile(r"A minute of alarms and schedules took ([\d.]+) s")
_NOTE: Final = re.compile(r"- `([\w-]+)` on (\w+): (.+)")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One drill on one stream as the page has it, by its columns.

    `silent` is why no alarm fires, `moved` what came out of its order and why; empty where that is
    not so.
    """

    cells: tuple[str, ...]
    silent: str = ""
    moved: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return the drill and the stream."""
        return self.cells[0].strip("`"), self.cells[1]

    def count(self, column: str) -> int:
        """Return a count of events."""
        return int(self.cells[_COLUMNS.index(column)].replace(",", ""))


def row_of(each: Outcome) -> Row:
    """Return the row of an outcome."""
    runbook, _, cause = each.runbook.partition(": ")
    cells = (
        f"`{each.id}`",
        each.stream,
        each.fault,
        each.detected_by or "none, by design",
        _seconds(each.detected_seconds),
        _seconds(each.recovered_seconds),
        f"[{runbook}](../runbooks/{runbook}.md), {cause}" if runbook else "",
        *(f"{n:,}" for n in (each.sent, each.quarantined, each.lost, each.duplicated)),
        f"{each.altered:,}",
    )
    moved = f"{each.out_of_order:,} events, for {each.reorders}" if each.reorders else ""
    return Row(cells=cells, silent=each.by_design, moved=moved)


def page(rows: Sequence[Row], *, minute_seconds: float) -> str:
    """Return the page of these rows."""
    totals = {c: sum(row.count(c) for row in rows) for c in ("lost", "duplicated", "altered")}
    head = _HEAD.format(
        minute=minute_seconds,
        factor=AWS_MINUTE_SECONDS / minute_seconds,
        drills=len({row.key[0] for row in rows}),
        sent=sum(row.count("events") for row in rows),
        **totals,
    )
    table = [_COLUMNS, ("---",) * len(_COLUMNS), *(row.cells for row in rows)]
    lines = "".join(f"| {' | '.join(cells)} |\n" for cells in table)
    silent = [_note(row, row.silent) for row in rows if row.silent]
    moved = [_note(row, row.moved) for row in rows if row.moved]
    return head + lines + _section(_SILENT, silent) + _section(_MOVED, moved)


def read(text: str) -> list[Row]:
    """Return the rows of a page, in its order."""
    silent, moved = (_notes(text.partition(title)[2]) for title in (_SILENT, _MOVED))
    table = (line for line in text.splitlines() if line.startswith("| `"))
    rows = [Row(cells=tuple(line[2:-2].split(" | "))) for line in table]
    return [
        Row(cells=row.cells, silent=silent.get(row.key, ""), moved=moved.get(row.key, ""))
        for row in rows
    ]


def merged(
    text: str, outcomes: Sequence[Outcome], keys: Sequence[tuple[str, str]], *, minute: float
) -> str:
    """Return a page with the rows of `outcomes`, and of the other `keys` those that it had.

    Raises UserError where its minutes were of another length: the times could not be compared.
    """
    new = {row.key: row for row in map(row_of, outcomes)}
    old = {row.key: row for row in read(text) if row.key not in new}
    was = _MINUTE.search(text)
    if old and was is not None and float(was[1]) != minute:
        raise UserError(
            f"the page's other rows were measured with minutes of {was[1]} s; repeat with "
            f"--minute-seconds {was[1]}, or run --all"
        )
    rows = old | new
    return page([rows[key] for key in keys if key in rows], minute_seconds=minute)


def _note(row: Row, words: str) -> str:
    drill, stream = row.key
    return f"- `{drill}` on {stream}: {words}\n"


def _notes(text: str) -> dict[tuple[str, str], str]:
    """Return what the notes at a text's beginning say, by drill and stream."""
    own = text.partition("\n## ")[0]
    return {(m[1], m[2]): m[3] for m in map(_NOTE.match, own.splitlines()) if m}


def _section(title: str, notes: Sequence[str]) -> str:
    return title + "".join(notes) if notes else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"

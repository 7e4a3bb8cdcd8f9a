"""The page docs/reliability.md, from the outcomes of one run of all drills."""

from collections.abc import Sequence
from typing import Final

from sluice.drills.drill import Outcome
from sluice.drills.stacks import AWS_MINUTE_SECONDS
from sluice.stack import ROOT

PAGE: Final = ROOT / "docs" / "reliability.md"

_HEAD: Final = """\
# Reliability

Written by `./dev sluice drill --all --write`, from one run. Every drill breaks a real stack on the
local AWS while events arrive, waits until the stack's alarm says so to a subscriber of its topic,
runs the blocks of the runbook as they stand there, waits for the message that all is well, and
accounts for every event by its id.

Times are real seconds since the fault; recovered is when the alarm's message that all is well has
come and the runbook's fix has been run. A minute of alarms and schedules took {minute:g} s,
{factor:g} times less than on AWS; ages and durations of events are not compressed. *None, by
design* is a fault that is survived in silence: the drill fails if any alarm fires.

**{drills} kinds of fault, {sent:,} events: {lost:,} lost, {duplicated:,} duplicated, {altered:,}
altered.**

"""

_COLUMNS: Final = (
    *("drill", "fault", "detected by", "after", "recovered after", "runbook"),
    *("events", "quarantined", "lost", "duplicated", "altered"),
)


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the page of these outcomes, one row a drill."""
    minute = outcomes[0].minute_seconds

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in outcomes)

    head = _HEAD.format(
        minute=minute,
        factor=AWS_MINUTE_SECONDS / minute,
        drills=len(outcomes),
        sent=total("sent"),
        lost=total("lost"),
        duplicated=total("duplicated"),
        altered=total("altered"),
    )
    table = [_COLUMNS, ["---"] * len(_COLUMNS), *map(_cells, outcomes)]
    return head + "".join(f"| {' | '.join(row)} |\n" for row in table) + _reasons(outcomes)


def rows(text: str) -> list[str]:
    """Return the ids of the drills that a page has a row for, in its order."""
    return [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]


def _cells(each: Outcome) -> tuple[str, ...]:
    runbook, _, cause = each.runbook.partition(": ")
    return (
        f"`{each.id}`",
        each.fault,
        each.detected_by or "none, by design",
        _seconds(each.detected_seconds),
        _seconds(each.recovered_seconds),
        f"[{runbook}](../runbooks/{runbook}.md), {cause}" if runbook else "",
        f"{each.sent:,}",
        f"{each.quarantined:,}",
        f"{each.lost:,}",
        f"{each.duplicated:,}",
        f"{each.altered:,}",
    )


def _reasons(outcomes: Sequence[Outcome]) -> str:
    """Return why faults without an alarm need none, and what came out of its order."""
    silent = [f"- `{each.id}`: {each.by_design}\n" for each in outcomes if each.by_design]
    moved = [
        f"- `{each.id}`: {each.out_of_order:,} events, for {each.reorders}\n"
        for each in outcomes
        if each.reorders
    ]
    text = "\n## Why some faults raise no alarm\n\n" + "".join(silent) if silent else ""
    return text + (
        "\n## Stored after later events of their key\n\n" + "".join(moved) if moved else ""
    )


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"

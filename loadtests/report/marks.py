"""What happened during a run, as numbered marks on the time line and as a list."""

from collections.abc import Sequence

from loadtests.latency import Latency
from loadtests.report.chart import Mark
from loadtests.report.facts import Facts
from loadtests.report.markup import Markup, tag
from loadtests.report.scales import duration_text


def marks_of(latency: Latency, facts: Facts) -> list[Mark]:
    """Return what happened, in seconds after the run's first slice, numbered from 1."""
    if not latency.slices:
        return []
    first_ms = latency.slices[0].start_ms
    return [
        Mark(x=(each.at_ms - first_ms) / 1_000, sign=str(number), text=each.text)
        for number, each in enumerate(facts.happenings, start=1)
    ]


def listed(marks: Sequence[Mark]) -> Markup | None:
    """Return what the signs on the time line stand for."""
    if not marks:
        return None
    said = (tag("li", f"{duration_text(max(mark.x, 0))}: {mark.text}") for mark in marks)
    return tag("ol", *said, class_="happenings")

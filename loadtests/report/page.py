"""The report as one HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Final

from loadtests.latency import Latency
from loadtests.objectives import Evaluation
from loadtests.report import figures, sections
from loadtests.report.facts import Facts
from loadtests.report.markup import Markup, join, tag
from loadtests.report.timeline import timeline
from pipeline.audit.verdict import Verdict

_STYLE: Final = Path(__file__).with_name("report.css")
_MEASURED: Final = (
    "Latency runs from the moment at which an event was meant to be sent until the file that holds "
    "its row was published. The verdict compares every id that was sent with every row of the lake "
    "and of quarantine, by id, checksum and order."
)


def page(verdict: Verdict, latency: Latency | None, evaluation: Evaluation, facts: Facts) -> str:
    """Return the whole document."""
    body = join(
        tag(
            "header",
            tag("p", "Sluice load test", class_="eyebrow"),
            tag("h1", f"Run {verdict.run}"),
            tag("p", _subtitle(facts), class_="quiet"),
        ),
        tag(
            "main",
            sections.banner(verdict, evaluation),
            sections.tiles(verdict, latency, facts),
            _card("Where it broke", None, examples)
            if (examples := sections.examples_section(verdict))
            else None,
            _charts(latency, evaluation, facts),
            _card("Objectives", sections.badge(evaluation.outcome), _objectives(evaluation)),
            _card("Account", None, sections.account_section(verdict)),
            _card("Lake and quarantine", None, sections.lake_section(verdict, facts)),
            _card("The run", None, sections.facts_section(facts)),
        ),
        tag("footer", tag("p", _MEASURED)),
    )
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", f"Sluice: {verdict.validity}, run {verdict.run}"),
        tag("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    document = tag("html", tag("head", head), tag("body", body), lang="en")
    return f"<!doctype html>\n{document}\n"


def _subtitle(facts: Facts) -> str:
    """Return what the run was in one line."""
    parts = (
        f"{facts.shape}, {facts.rate:,g} events/s" if facts.shape and facts.rate else "",
        f"stack {facts.stack}" if facts.stack else "",
        facts.started,
        facts.machine,
    )
    return " · ".join(part for part in parts if part)


def _objectives(evaluation: Evaluation) -> Markup:
    if not evaluation.judged:
        return tag("p", "No objective was set.", class_="quiet")
    return sections.objectives_section(evaluation)


def _charts(latency: Latency | None, evaluation: Evaluation, facts: Facts) -> Markup:
    """Return the charts, or why there are none."""
    if latency is None:
        said = tag("p", "Latency could not be measured: see the verdict.", class_="quiet")
        return _card("Latency", None, said)
    wanted = (each.wanted for each in evaluation.judged if each.name == "latency p99")
    over_time = figures.latency_over_time(latency, facts, p99_ms_max=next(wanted, None))
    return join(
        _card("Time line", None, line) if (line := timeline(latency, facts)) else None,
        _card("Throughput", None, figures.throughput(latency, facts)),
        _card("Latency over time", None, over_time),
        _card(
            "Latency distribution",
            None,
            join(figures.percentiles(latency), sections.latency_section(latency)),
        ),
    )


def _card(title: str, aside: Markup | None, content: Markup) -> Markup:
    return tag(
        "section", tag("div", tag("h2", title), aside, class_="title"), content, class_="card"
    )

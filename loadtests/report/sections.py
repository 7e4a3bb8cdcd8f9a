"""The report's sections: banner, account, objectives, facts, files and examples."""

from collections.abc import Sequence
from typing import Final

from loadtests.latency import Distribution, Latency
from loadtests.objectives import Evaluation, Judged, Outcome, quarantined_good
from loadtests.report.chart import share_bar
from loadtests.report.facts import Facts
from loadtests.report.markup import Markup, join, table, tag
from loadtests.report.scales import bytes_text, duration_text, ms_text
from pipeline.audit.verdict import Account, Validity, Verdict, Violation

_NOTHING: Final = "\N{EM DASH}"
_SIGNS: Final = {
    Validity.VALID: ("✓", "good"),
    Validity.INVALID: ("✗", "bad"),
    Validity.UNKNOWN: ("?", "unsure"),
}
_OUTCOMES: Final = {
    Outcome.MET: ("✓", "good"),
    Outcome.NOT_MET: ("✗", "bad"),
    Outcome.UNKNOWN: ("?", "unsure"),
}
_RELATIONS: Final = {"<=": "≤", ">=": "≥"}
_SAID: Final = {
    Violation.LOST: "lost",
    Violation.DUPLICATED: "duplicated",
    Violation.ALTERED: "altered",
    Violation.OUT_OF_ORDER: "out of order",
    Violation.NEVER_SENT: "stored but never sent",
    Violation.STORED_POISON: "poison in the lake",
    Violation.STORED_AND_QUARANTINED: "in the lake and in quarantine",
    Violation.QUARANTINED_TWICE: "twice in quarantine",
}


def banner(verdict: Verdict, evaluation: Evaluation) -> Markup:
    """Return the verdict, and whether the objectives were met, as the first thing that is read."""
    sign, style = _SIGNS[verdict.validity]
    account = verdict.account
    equation = (
        f"{account.sent:,} sent = {account.stored:,} stored + {account.quarantined:,} quarantined"
        + "".join(
            f" + {count:,} {name}"
            for name, count in (
                ("lost", account.lost),
                ("indeterminate", account.indeterminate),
                ("refused", account.refused_absent),
            )
            if count
        )
    )
    return tag(
        "section",
        tag("span", sign, class_="sign", aria_hidden="true"),
        tag(
            "div",
            tag("p", verdict.validity, class_="verdict"),
            tag("h2", headline(verdict)),
            tag("p", equation, class_="equation") if account.sent else None,
            tag("p", "Objectives: ", badge(evaluation.outcome)) if evaluation.judged else None,
            *(tag("p", f"Unknown because: {reason}") for reason in verdict.reasons),
        ),
        class_=f"banner {style}",
        aria_label="Verdict",
    )


def headline(verdict: Verdict) -> str:
    """Return the verdict as one sentence."""
    if verdict.validity is Validity.UNKNOWN:
        return "Nobody can say whether every event arrived."
    if verdict.validity is Validity.VALID:
        return "Every event is accounted for, exactly once."
    found = [
        f"{count:,} {_SAID[Violation(kind)]}" for kind, count in verdict.violations.items() if count
    ]
    return f"Promises are broken: {', '.join(found)}."


def tiles(verdict: Verdict, latency: Latency | None, facts: Facts) -> Markup:
    """Return the figures that most readers come for."""
    account = verdict.account
    whole = latency.overall if latency else None
    rate = latency.send_rate if latency else None
    planned = f"of {facts.planned_rate:,.0f}/s planned" if facts.planned_rate else ""
    shown = (
        _tile("Events sent", account.sent, f"{account.acknowledged:,} acknowledged", verdict),
        ("Rate", f"{rate:,.0f}/s" if rate is not None else _NOTHING, planned),
        ("Latency p50", ms_text(whole.p50_ms) if whole else _NOTHING, "from the intended send"),
        ("Latency p99", ms_text(whole.p99_ms) if whole else _NOTHING, "until the row is readable"),
        ("Longest", ms_text(whole.max_ms) if whole else _NOTHING, ""),
        _tile("Quarantined", account.quarantined, f"{account.poison:,} sent as poison", verdict),
    )
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", name),
                tag("dd", value, class_="figure"),
                tag("dd", note, class_="quiet") if note else None,
            )
            for name, value, note in shown
        ),
        class_="tiles",
    )


def _tile(name: str, count: int, note: str, verdict: Verdict) -> tuple[str, str, str]:
    """Return a count, or nothing where there is no account."""
    return (name, f"{count:,}", note) if verdict.account.sent else (name, _NOTHING, "")


def account_section(verdict: Verdict) -> Markup:
    """Return every fate with its count, and the equation they satisfy as a bar."""
    account = verdict.account
    if not account.sent:
        return tag("p", "No account could be made.", class_="quiet")
    fates = (
        ("stored", "stored", account.stored),
        ("quarantined", "warm", account.quarantined),
        ("lost", "hot", account.lost),
        ("indeterminate", "intended", account.indeterminate),
        ("refused and absent", "intended", account.refused_absent),
    )
    return join(
        share_bar(fates, title="Fates of the events that were sent"),
        table(("Fate", "Meaning", "Events"), _fate_rows(account), caption="Fates of events"),
        table(
            ("Violation", "Meaning", "Events"),
            _violation_rows(account),
            caption="Violations, none of which may happen",
        ),
    )


def _fate_rows(account: Account) -> list[tuple[object, ...]]:
    return [
        ("sent", "distinct ids in the history", f"{account.sent:,}"),
        ("acknowledged", "the stream said that it has them", f"{account.acknowledged:,}"),
        ("stored", "rows of the lake", f"{account.stored:,}"),
        ("quarantined", "kept byte for byte with a reason", f"{account.quarantined:,}"),
        ("… not poison", "beside a record that could not be read", quarantined_good(account)),
        ("indeterminate", "no answer came, and not in the lake", f"{account.indeterminate:,}"),
        ("unanswered but stored", "no answer came, but it arrived", f"{account.unknown_stored:,}"),
        ("refused", "refused, and not in the lake", f"{account.refused_absent:,}"),
        ("refused but stored", "the answer was wrong", f"{account.refused_stored:,}"),
        ("replayed", "sent again out of quarantine", f"{account.replayed:,}"),
    ]


def _violation_rows(account: Account) -> list[tuple[object, ...]]:
    meanings = {
        Violation.LOST: "acknowledged, and nowhere",
        Violation.DUPLICATED: "more than one row with the id",
        Violation.ALTERED: "the checksum of the columns is not the sender's",
        Violation.OUT_OF_ORDER: "behind a later event of its key and shard",
        Violation.NEVER_SENT: "an id that nobody sent",
        Violation.STORED_POISON: "broke its contract, and was stored",
        Violation.STORED_AND_QUARANTINED: "one id with two fates",
        Violation.QUARANTINED_TWICE: "one position, quarantined twice",
    }
    return [
        (_SAID[kind], meaning, _counted(getattr(account, kind)))
        for kind, meaning in meanings.items()
    ]


def _counted(count: int) -> Markup:
    return tag("strong", f"{count:,}", class_="bad") if count else tag("span", "0", class_="quiet")


def objectives_section(evaluation: Evaluation) -> Markup:
    """Return each objective, what was measured, and whether it was met."""
    return table(
        ("Objective", "Outcome", "Wanted", "Measured"),
        [
            (
                each.name,
                badge(each.outcome),
                f"{_RELATIONS[each.sign]} {each.wanted:,g} {each.unit}",
                _measured(each),
            )
            for each in evaluation.judged
        ],
        caption="Objectives",
        numbers=2,
    )


def badge(outcome: Outcome) -> Markup:
    """Return an outcome that does not depend on its colour."""
    sign, style = _OUTCOMES[outcome]
    return tag("span", f"{sign} {outcome}", class_=f"badge {style}")


def _measured(judged: Judged) -> str:
    return "not measured" if judged.measured is None else f"{judged.measured:,g} {judged.unit}"


def latency_section(latency: Latency) -> Markup:
    """Return the percentiles, overall and by table."""
    rows = [("all tables", latency.overall), *latency.by_table.items()]
    return join(
        table(
            ("Table", "Rows", "p50", "p90", "p99", "p99.9", "Longest"),
            [_percentiles(name, each) for name, each in rows if each],
            caption="Latency by table",
            numbers=6,
        ),
        tag("p", f"{latency.unmeasured:,} rows lie in files without a mark of publication.")
        if latency.unmeasured
        else None,
    )


def _percentiles(name: str, each: Distribution) -> tuple[object, ...]:
    texts = (each.p50_ms, each.p90_ms, each.p99_ms, each.p99_9_ms, each.max_ms)
    return (name, f"{each.count:,}", *(ms_text(value) for value in texts))


def lake_section(verdict: Verdict, facts: Facts) -> Markup:
    """Return what lies in the lake by table, and what in quarantine by reason."""
    names = sorted(facts.tables.keys() | verdict.stored_by_table.keys())
    rows: list[tuple[object, ...]] = []
    for name in names:
        files = facts.tables.get(name)
        rows.append(
            (
                name,
                f"{verdict.stored_by_table.get(name, 0):,}" if name != "quarantine" else _NOTHING,
                f"{files.files:,}" if files else _NOTHING,
                bytes_text(files.bytes) if files else _NOTHING,
            )
        )
    reasons = [(reason, f"{count:,}") for reason, count in verdict.quarantined_by_reason.items()]
    return join(
        table(("Table", "Rows of this run", "Files", "Bytes"), rows, caption="The lake", numbers=3),
        table(("Reason of quarantine", "Rows"), [*reasons], caption="Quarantine by reason")
        if reasons
        else tag("p", "Nothing is in quarantine.", class_="quiet"),
    )


def examples_section(verdict: Verdict) -> Markup | None:
    """Return examples of every violation and where to look for them."""
    if not verdict.examples:
        return None
    rows: Sequence[tuple[object, ...]] = [
        (
            _SAID[each.kind],
            tag("code", each.id),
            tag("code", each.file) if each.file else _NOTHING,
            tag("code", each.position) if each.position else _NOTHING,
            each.detail,
        )
        for each in verdict.examples
    ]
    head = ("Violation", "Id", "File", "Position", "Detail")
    return table(head, list(rows), caption="Examples of violations", numbers=0)


def facts_section(facts: Facts) -> Markup:
    """Return what the run was, so that it can be repeated."""
    lines = (
        ("Run", facts.run),
        ("Stack", facts.stack),
        ("Stream", facts.stream),
        ("Shape", facts.shape),
        ("Rate", f"{facts.rate:,g} events/s" if facts.rate else ""),
        ("Planned length", duration_text(facts.seconds) if facts.seconds else ""),
        ("Planned events", f"{facts.events:,}" if facts.events else ""),
        ("Started", facts.started),
        ("Machine", facts.machine),
        *facts.notes.items(),
    )
    return tag(
        "dl",
        *(tag("div", tag("dt", name), tag("dd", value)) for name, value in lines if value),
        class_="facts",
    )

"""The verifier: history x lake x quarantine gives a verdict on every id of a run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from pipeline.audit import accounting
from pipeline.audit.accounting import Group, Place, QuarantineFacts
from pipeline.audit.history import Answer
from pipeline.audit.quarantined import attach_quarantined
from pipeline.audit.relations import Inputs, attach_history, attach_lake, attach_quarantine
from pipeline.audit.verdict import Account, Example, Validity, Verdict, Violation
from pipeline.core.contract import Contract

_CLOCK_SKEW_MS = 300_000
"""How far producers' and stream's clocks may be apart: places quarantined rows that have no id."""


def verify(
    inputs: Inputs,
    contracts: Sequence[Contract],
    *,
    spill: Path,
    memory_mb: int = 2_048,
    examples: int = 10,
) -> Verdict:
    """Return the verdict on a run; what cannot be read or does not add up makes it unknown.

    `spill` is a folder for what does not fit into `memory_mb`. Nothing is raised for bad
    inputs: a checker that fails is not a pass, and neither is it a crash of whoever asks.
    """
    reasons = [*inputs.incomplete, *_uncovered(inputs, contracts)]
    expected = inputs.sends_expected
    if not inputs.history:
        return Verdict.unknown(inputs.run, *(reasons or ["there is no history file"]))
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            attach_history(connection, inputs.history)
            attach_lake(connection, inputs.lake, contracts)
            attach_quarantine(connection, inputs.quarantine)
            verdict = judge(
                connection,
                inputs.run,
                contracts,
                replayed=inputs.replayed,
                examples=examples,
            )
    except (duckdb.Error, OSError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Verdict.unknown(inputs.run, *reasons, f"the check failed: {first_line}")
    if expected is not None and verdict.account.sends != expected:
        sends = verdict.account.sends
        reasons.append(f"the history holds {sends} sends of the {expected} that the load counted")
    return _conclude(_relative(verdict, inputs.lake_root), reasons)


def judge(
    connection: duckdb.DuckDBPyConnection,
    run: str,
    contracts: Sequence[Contract],
    *,
    replayed: Iterable[str] = (),
    examples: int = 10,
) -> Verdict:
    """Return the verdict over the views `history`, `lake` and `quarantine` of a connection.

    Raises:
        duckdb.Error: a view cannot be read.
    """
    prefix = f"{run}-"
    history = accounting.history_facts(
        connection, prefix, [contract.table for contract in contracts]
    )
    attach_quarantined(
        connection,
        prefix=prefix,
        replayed=replayed,
        id_fields=sorted({contract.id_field for contract in contracts}),
        arrival_ms=(
            history.intended_ms_first - _CLOCK_SKEW_MS,
            history.answered_ms_last + _CLOCK_SKEW_MS,
        ),
    )
    groups = accounting.fates(connection, prefix, examples)
    lake = accounting.lake_facts(connection, prefix)
    quarantine = accounting.quarantine_facts(connection)
    late, disordered = accounting.disorder(
        connection,
        prefix,
        examples,
        any_excluded=any(group.duplicated or group.replayed or group.masked for group in groups),
    )
    account = _account(groups, quarantine, rows=sum(lake.rows_by_table.values()), late=late)
    reasons = [*history.problems, *lake.problems, *account.imbalances()]
    if contradictory := sum(group.ids for group in groups if group.contradictory):
        reasons.append(f"the history contradicts itself about {contradictory} ids")
    if history.sends != account.sends:
        reasons.append(f"{history.sends} sends in the history, {account.sends} accounted for")
    verdict = Verdict(
        run=run,
        validity=Validity.UNKNOWN,
        account=account,
        violations={kind: getattr(account, kind) for kind in Violation},
        quarantined_by_reason=quarantine.by_reason,
        stored_by_table=lake.rows_by_table,
        examples=(
            *_examples(connection, groups, examples),
            *(Example(kind=Violation.OUT_OF_ORDER, **late_row) for late_row in disordered),
            *_twice(quarantine, examples),
        ),
    )
    return _conclude(verdict, reasons)


def _conclude(verdict: Verdict, reasons: Sequence[str]) -> Verdict:
    """Return the verdict with its validity; violations stay listed beside a reason to doubt them.

    An incomplete lake shows losses, and an incomplete history strangers, that are none.
    """
    all_reasons = (*verdict.reasons, *reasons)
    if all_reasons:
        validity = Validity.UNKNOWN
    elif any(verdict.violations.values()):
        validity = Validity.INVALID
    else:
        validity = Validity.VALID
    return replace(verdict, validity=validity, reasons=all_reasons)


def _relative(verdict: Verdict, root: Path | None) -> Verdict:
    """Return the verdict with files named as the lake names them, not their local copies."""
    if root is None:
        return verdict
    examples = (
        replace(each, file=each.file.replace(f"{root}/", "")) if each.file else each
        for each in verdict.examples
    )
    return replace(verdict, examples=tuple(examples))


def _uncovered(inputs: Inputs, contracts: Sequence[Contract]) -> list[str]:
    """Return a sentence for each table of the lake that no contract describes."""
    known = {contract.table for contract in contracts}
    return [
        f"table {table} of the lake has no contract, so its rows cannot be checked"
        for table, files in inputs.lake.items()
        if files and table not in known
    ]


def _account(
    groups: Sequence[Group], quarantine: QuarantineFacts, *, rows: int, late: int
) -> Account:
    """Add the groups up; poison without a readable id is accounted for by position.

    A lost poison event and a quarantined row that speaks for no id of the history are taken for one
    another, each row once: nothing but its position is known of such a row (T25).
    """

    def ids(**wanted: object) -> int:
        return sum(
            group.ids
            for group in groups
            if all(getattr(group, name) == value for name, value in wanted.items())
        )

    unsent = ("never_sent", "unidentified")
    sent = [group for group in groups if group.fate not in unsent]
    answers = {
        answer: sum(group.ids for group in sent if group.answer is answer) for answer in Answer
    }
    by_position = min(ids(fate="lost", poison=True), quarantine.unidentified)
    return Account(
        sends=sum(group.sends for group in sent),
        sent=sum(group.ids for group in sent),
        acknowledged=answers[Answer.ACKNOWLEDGED],
        refused=answers[Answer.REFUSED],
        unknown=answers[Answer.UNKNOWN],
        poison=sum(group.ids for group in sent if group.poison),
        stored=ids(fate="stored"),
        quarantined=ids(fate="quarantined") + by_position,
        quarantined_poison=ids(fate="quarantined", poison=True) + by_position,
        quarantined_by_position=by_position,
        lost=ids(fate="lost") - by_position,
        indeterminate=ids(fate="indeterminate"),
        refused_absent=ids(fate="refused_absent"),
        refused_stored=ids(fate="stored", answer=Answer.REFUSED),
        unknown_stored=ids(fate="stored", answer=Answer.UNKNOWN),
        replayed=ids(fate="stored", replayed=True),
        duplicated=ids(duplicated=True),
        altered=ids(altered=True),
        out_of_order=late,
        never_sent=ids(fate="never_sent"),
        stored_poison=ids(fate="stored", poison=True, replayed=False),
        stored_and_quarantined=ids(doubly_placed=True),
        quarantined_twice=len(quarantine.twice),
        rows=rows,
        surplus_rows=sum(group.rows - group.ids for group in sent if group.fate == "stored"),
        never_sent_rows=sum(group.rows for group in groups if group.fate == "never_sent"),
        quarantine_rows=sum(quarantine.by_reason.values()),
        unidentified_rows=quarantine.unidentified - by_position,
    )


def _examples(
    connection: duckdb.DuckDBPyConnection, groups: Sequence[Group], examples: int
) -> list[Example]:
    """Return the first ids of each kind of violation, with their place in the lake or history."""
    kinds: dict[Violation, Callable[[Group], bool]] = {
        Violation.LOST: lambda group: group.fate == "lost",
        Violation.DUPLICATED: lambda group: group.duplicated,
        Violation.ALTERED: lambda group: group.altered,
        Violation.NEVER_SENT: lambda group: group.fate == "never_sent",
        Violation.STORED_POISON: lambda g: g.fate == "stored" and g.poison and not g.replayed,
        Violation.STORED_AND_QUARANTINED: lambda group: group.doubly_placed,
    }
    chosen = [
        (kind, event_id)
        for kind, belongs in kinds.items()
        for event_id in sorted(
            event_id for group in groups if belongs(group) for event_id in group.examples
        )[:examples]
    ]
    if not chosen:
        return []
    stored = accounting.locate(connection, [event_id for _, event_id in chosen])
    sent = accounting.locate_sent(connection, [event_id for _, event_id in chosen])
    found = []
    for kind, event_id in chosen:
        history = sent.get(event_id, Place())
        place = stored.get(event_id, history)
        found.append(
            Example(
                kind=kind,
                id=event_id,
                table=place.table,
                file=place.file,
                position=place.position,
                detail=history.detail,
            )
        )
    return found


def _twice(quarantine: QuarantineFacts, examples: int) -> list[Example]:
    """Return places of quarantine that hold more than one row."""
    return [
        Example(kind=Violation.QUARANTINED_TWICE, id=event_id or "", file=file, position=position)
        for event_id, file, position in quarantine.twice[:examples]
    ]

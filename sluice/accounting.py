"""Accounts for a load and writes its report: drain, copy, verify, measure, judge."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests.latency import Latency, measure
from loadtests.objectives import DEFAULT_FILE, Evaluation, evaluate, read_objectives
from loadtests.report.facts import Happening, read_facts
from loadtests.report.write import ReportPaths, write_report
from pipeline.audit.relations import Inputs, find_inputs
from pipeline.audit.verdict import Verdict
from pipeline.audit.verify import verify
from pipeline.contracts import CONTRACTS
from pipeline.environment import wall_clock_ms
from pipeline.errors import UserError
from pipeline.ledger.claims import Claims
from pipeline.replay import read_quarantine
from pipeline.sinks.lake_reader import TableFiles, copy_lake, read_publications
from sluice.alarm_history import alarm_spans
from sluice.console import progress, result, shown
from sluice.drain import drain_with_bar, left_of
from sluice.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Accounted:
    """A load's verdict, and the files and tables it was read from."""

    verdict: Verdict
    inputs: Inputs
    tables: dict[str, TableFiles]


def account(stack: Stack, load: Path, *, on_note: Callable[[str], None]) -> Accounted:
    """Return the verdict on a load whose folder is `load`, over the whole lake and quarantine.

    The lake is copied to `<load>/lake`, where it can still be asked when the stack is gone. Raises
    UserError when the folder holds no load, OperatingError when the lake cannot be read.
    """
    try:
        facts = json.loads((load / "load.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{load} holds no load.json; name the folder of a load") from None
    # Read before the lake is: what is committed later cannot make a loss of it.
    undrained = tuple(
        f"not drained: {said}; run: ./dev sluice drain --stack {stack.name}"
        for said in left_of(stack, arrived_by_ms=wall_clock_ms())
    )
    lake = load / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    tables = copy_lake(
        stack.environment.s3,
        stack.environment.settings.lake_bucket,
        lake,
        on_file=lambda files: on_note(f"{files:,} files read"),
    )
    inputs = find_inputs(
        facts["run"],
        history=load / "history",
        lake=lake,
        replayed=_replayed(stack, lake),
        sends_expected=facts["sent"],
        incomplete=undrained,
    )
    on_note("accounting for every id")
    with tempfile.TemporaryDirectory(prefix="spill-", dir=load) as spill:
        verdict = verify(inputs, CONTRACTS, spill=Path(spill))
    return Accounted(verdict=verdict, inputs=inputs, tables=dict(tables))


def conclude(
    stack: Stack,
    load: Path,
    *,
    objectives: Path | None = None,
    happenings: tuple[Happening, ...] = (),
    notes: Mapping[str, str] | None = None,
) -> tuple[Evaluation, ReportPaths]:
    """Drain, account, measure, judge, write the report and say the outcome; `notes` beside it."""
    wanted = read_objectives(objectives or DEFAULT_FILE)
    with progress() as bars:
        drain_with_bar(stack, bars)
        task = bars.add_task("verify", total=1, note="")
        done = account(stack, load, on_note=lambda note: bars.update(task, note=note))
        bars.update(task, completed=1, note=str(done.verdict.validity))
        task = bars.add_task("report", total=1, note="measuring latency")
        latency = _latency(stack, load, done)
        facts = read_facts(
            load,
            stack=stack.name,
            tables=done.tables,
            happenings=happenings,
            alarms=alarm_spans(stack, since_ms=_started_ms(load)),
            alarm_minute_seconds=stack.minute_seconds,
            notes=notes,
        )
        evaluation = evaluate(wanted, done.verdict, latency, planned_rate=facts.planned_rate)
        paths = write_report(load, done.verdict, latency, evaluation, facts)
        bars.update(task, completed=1, note=shown(paths.html))
    result(done.verdict.summary())
    if reasons := done.verdict.quarantined_by_reason:
        counted = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
        beside = done.verdict.account.unidentified_rows
        strangers = f" ({beside:,} not of this load)" if beside else ""
        result(f"  quarantine, with bytes, position and cause{strangers}: {counted}")
    for name, said in (notes or {}).items():
        result(f"{name}: {said}")
    result(f"objectives: {evaluation.outcome}")
    result(evaluation.summary())
    return evaluation, paths


def _started_ms(load: Path) -> int:
    """Return when a load began, in ms since the epoch."""
    return int(json.loads((load / "load.json").read_text(encoding="utf-8"))["started_us"]) // 1_000


def _replayed(stack: Stack, lake: Path) -> frozenset[str]:
    """Return the ids that `sluice replay` sent again: they may be in lake and quarantine both."""
    claims = Claims(stack.environment.dynamodb, stack.environment.settings.ledger_table)
    claimed = {(claim.file, claim.reason) for claim in claims.all()}
    rows, _ = read_quarantine(lake) if claimed else ([], 0)
    return frozenset(r.event_id for r in rows if r.event_id and (r.file, r.reason) in claimed)


def _latency(stack: Stack, load: Path, done: Accounted) -> Latency:
    """Measure from the intended send to the publication that the journal tells."""
    bucket = stack.environment.settings.lake_bucket
    publications = read_publications(stack.environment.s3, bucket)
    with tempfile.TemporaryDirectory(prefix="spill-", dir=load) as spill:
        return measure(done.inputs, CONTRACTS, publications, spill=Path(spill))

"""Send quarantined events again after a fix; what the lake has already is left out."""

import math
import secrets
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

import rich_click as click
from rich.progress import Progress

from pipeline.contracts import CONTRACTS
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError, Refused
from pipeline.ledger.claims import Claim, Claims, ClaimState
from pipeline.producer.transport import Transport
from pipeline.replay import (
    Quarantined,
    ids_of,
    read_quarantine,
    send_again,
    stored_ids,
    unstored,
)
from pipeline.sinks.lake_reader import copy_lake
from sluice import stack as stacks
from sluice.console import progress, result, say
from sluice.drain import DRAIN_SECONDS_MAX, drain_stack
from sluice.options import ago_ms, stack_option
from sluice.stack import Stack
from sluice.streams import stack_transport

CLAIM_MS: Final = 15 * 60_000
"""How long one replay may take with a file; past it, another may take the claim over."""

ID_FIELDS: Final = tuple({contract.id_field for contract in CONTRACTS})


Span = tuple[float, float]
"""First and last moment, in ms since the epoch."""
EVER: Final[Span] = (-math.inf, math.inf)


def chosen_rows(
    rows: list[Quarantined], reasons: frozenset[str], arrived: Span
) -> list[Quarantined]:
    """Return the rows of these reasons, all if empty, in whose file one arrived in the span.

    A claim is on all rows of a file and reason, so they are sent together or not at all.
    """
    first_ms, last_ms = arrived
    groups = {(row.file, row.reason) for row in rows if first_ms <= row.arrival_ms <= last_ms}
    return [
        row
        for row in rows
        if (row.file, row.reason) in groups and (not reasons or row.reason in reasons)
    ]


def replay_stack(
    stack: Stack, reasons: frozenset[str], *, bars: Progress, arrived: Span = EVER
) -> Counter[str]:
    """Send again the rows that `chosen_rows` gives, and wait until they are judged.

    Returns counts by fate: sent again, replayed before, stored already, without bytes. Raises
    OperatingError when the stream, the ledger or the lake does not answer; run it again then.
    """
    task = bars.add_task("replay", total=None, note="waiting for what is under way")
    _drain(stack)
    with tempfile.TemporaryDirectory(prefix="sluice-replay-") as folder:
        lake = Path(folder)
        copy_lake(stack.environment.s3, stack.environment.settings.lake_bucket, lake)
        rows, without_bytes = read_quarantine(lake)
        wanted = chosen_rows(rows, reasons, arrived)
        ids = frozenset(event_id for row in wanted for event_id in ids_of(row, ID_FIELDS))
        stored = stored_ids(lake, CONTRACTS, ids)
    bars.update(task, total=len(wanted), note="sending")
    fates = Counter({"without bytes": without_bytes})
    claims = Claims(stack.environment.dynamodb, stack.environment.settings.ledger_table)
    sent: list[Claim] = []
    ordered = sorted(wanted, key=lambda row: (row.file, row.reason))
    with stack_transport(stack) as transport:
        for (file, reason), group in groupby(ordered, key=lambda row: (row.file, row.reason)):
            chosen = list(group)
            try:
                claim = take_claim(claims, file=file, reason=reason)
            except Refused:
                fates["replayed before"] += len(chosen)
                continue
            fates += _send(transport, chosen, stored, claim)
            claims.advance(replace(claim, state=ClaimState.SENT))
            sent.append(claim)
            bars.advance(task, len(chosen))
    bars.update(task, note="waiting for the verdict of the core")
    _drain(stack)
    for claim in sent:
        claims.advance(replace(claim, state=ClaimState.DONE))
    bars.update(task, total=len(wanted), completed=len(wanted), note="done")
    return fates


def take_claim(claims: Claims, *, file: str, reason: str) -> Claim:
    """Claim rows for CLAIM_MS from now. Raises Refused and OutcomeUnknown, as `Claims.take`."""
    now_ms = wall_clock_ms()
    claim = Claim(
        file=file,
        reason=reason,
        state=ClaimState.CLAIMED,
        token=secrets.token_hex(16),
        deadline_ms=now_ms + CLAIM_MS,
    )
    claims.take(claim, now_ms=now_ms)
    return claim


def _send(
    transport: Transport, rows: list[Quarantined], stored: frozenset[str], claim: Claim
) -> Counter[str]:
    """Send rows in their order but for what the lake has.

    Raises OperatingError once the claim is over: another replay may have the rows by now, and what
    is sent longer after its sends than the window reaches would be stored twice (T24).
    """
    fates: Counter[str] = Counter()
    for row in rows:
        if wall_clock_ms() >= claim.deadline_ms:
            raise OperatingError(f"the claim on {claim.key} ran out; run the replay again")
        data = unstored(row, stored, ID_FIELDS)
        if data is None:
            fates["stored already"] += 1
        else:
            send_again(transport, replace(row, raw=data))
            fates["sent again"] += 1
    return fates


def _drain(stack: Stack) -> None:
    drain_stack(stack, seconds_max=DRAIN_SECONDS_MAX)


@click.command(help=__doc__)
@stack_option
@click.option("--reason", "reasons", multiple=True, help="Only rows of this reason; repeatable.")
@click.option("--since", "since_ms", callback=ago_ms, help="Only what arrived since: 3h, 2d, ISO.")
@click.option("--until", "until_ms", callback=ago_ms, help="Only what arrived until then.")
@click.pass_obj
def replay(
    home: Path,
    stack: str,
    reasons: tuple[str, ...],
    *,
    since_ms: int | None,
    until_ms: int | None,
) -> None:
    """Replay, then say what became of the rows. All rows of a file and reason go together."""
    found = stacks.find(home, stack)
    first_ms, last_ms = EVER
    arrived = (
        first_ms if since_ms is None else since_ms,
        last_ms if until_ms is None else until_ms,
    )
    with progress() as bars:
        fates = replay_stack(found, frozenset(reasons), bars=bars, arrived=arrived)
    for fate, count in sorted(fates.items()):
        if count:
            result(f"{fate:16} {count:,}")
    say(f"what still breaks its contract is quarantined again: ./dev sluice verify --stack {stack}")

"""Read a span of the stream again and send what neither the lake nor quarantine has of it."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import rich_click as click

from pipeline.audit.quarantined import payloads_of, readable_ids
from pipeline.contracts import CONTRACTS
from pipeline.core.payload import compress
from pipeline.core.records import Record, ShardId
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError, Refused, UserError
from pipeline.ledger.claims import Claim, Claims
from pipeline.replay import Quarantined, ids_of, read_quarantine, send_again, stored_ids
from pipeline.sinks.lake_reader import copy_lake
from pipeline.sources.time_range import read_between, read_on
from pipeline.worker import Worker
from sluice import stack as stacks
from sluice.console import result, say
from sluice.drain import DRAIN_SECONDS_MAX, drain_stack
from sluice.options import ago_ms, stack_option
from sluice.replay import ID_FIELDS, take_claim
from sluice.stack import Stack
from sluice.streams import stack_transport, worker_of

CLAIMED: Final = "stream"
"""What a backfill claims: one at a time, for two would each miss what the other has sent."""
REASON: Final = "backfill"


def known_ids(stack: Stack, ids: frozenset[str]) -> frozenset[str]:
    """Return which of the ids the lake or its quarantine holds. Raises OperatingError."""
    with tempfile.TemporaryDirectory(prefix="sluice-known-") as folder:
        lake = Path(folder)
        copy_lake(stack.environment.s3, stack.environment.settings.lake_bucket, lake)
        refused = (ids & ids_of(row, ID_FIELDS) for row in read_quarantine(lake)[0])
        return stored_ids(lake, CONTRACTS, ids).union(*refused)


def lines_of(data: bytes) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """Yield the lines of a record, each with the ids that it shows."""
    for line in (line for body in payloads_of(data) for line in body.split(b"\n")):
        yield line, readable_ids(line, ID_FIELDS)


def missing_of(data: bytes, known: set[str]) -> tuple[bytes, int]:
    """Return the lines of a record whose id is not known, compressed, and how many there are.

    Their ids are known from then on: the stream may hold copies, of an earlier backfill too, and
    these may come further apart than the window reaches (T24). A line without a readable id is in
    quarantine, as it is: it is left out.
    """
    left: list[bytes] = []
    for line, ids in lines_of(data):
        if ids and known.isdisjoint(ids):
            left.append(line)
            known.update(ids)
    return (compress(b"\n".join(left)) if left else b""), len(left)


def backfill_stack(stack: Stack, *, since_ms: int, until_ms: int) -> Counter[str]:
    """Send again what is missing of a span of the stream; return counts of records and events.

    Each event goes to the shard of its own record, marked as a replay. Raises UserError for a span
    that reaches into the dedupe window: its ids are still known there, and copies would be dropped
    as such. Raises OperatingError when somebody else backfills, or AWS does not answer; what was
    sent till then is known to the next call.
    """
    window_ms = stack.environment.settings.window_seconds * 1000
    if until_ms > wall_clock_ms() - window_ms:
        raise UserError(
            f"what arrived in the last {window_ms // 1000} s is still recognised as sent; "
            f"use --until {window_ms // 1000 + 1}s, or wait"
        )
    drain_stack(stack, seconds_max=DRAIN_SECONDS_MAX)
    # Read twice, first for the ids to ask for: memory may hold those of a span, not of every lake.
    asked = _ids_between(stack, since_ms=since_ms, until_ms=until_ms)
    claims = Claims(stack.environment.dynamodb, stack.environment.settings.ledger_table)
    try:
        claim = take_claim(claims, file=CLAIMED, reason=REASON)
    except Refused:
        raise OperatingError("somebody else backfills now; wait until that one is over") from None
    try:
        fates = _send(stack, claim, asked, since_ms=since_ms, until_ms=until_ms)
        drain_stack(stack, seconds_max=DRAIN_SECONDS_MAX)
    finally:
        claims.advance(replace(claim, deadline_ms=0))  # over: the next one may take it
    return fates


def _ids_between(stack: Stack, *, since_ms: int, until_ms: int) -> frozenset[str]:
    """Return the ids that a span of the stream shows."""
    with worker_of(stack) as worker:
        return frozenset(
            event_id
            for shard in worker.source.shards()
            for record in _records(stack, worker, shard.shard, since_ms, until_ms)
            for _, ids in lines_of(record.data)
            for event_id in ids
        )


def _send(
    stack: Stack, claim: Claim, asked: frozenset[str], *, since_ms: int, until_ms: int
) -> Counter[str]:
    """Send what is missing, shard by shard. Raises OperatingError once the claim is over (T24)."""
    known = set(known_ids(stack, asked))
    fates: Counter[str] = Counter()
    with worker_of(stack) as worker, stack_transport(stack) as transport:
        for shard in worker.source.shards():
            for record in _records(stack, worker, shard.shard, since_ms, until_ms):
                fates["records read"] += 1
                data, events = missing_of(record.data, known)
                if not events:
                    continue
                if wall_clock_ms() >= claim.deadline_ms:
                    raise OperatingError(
                        "a backfill takes 15 minutes at most; run it again for the rest"
                    )
                row = Quarantined(
                    file=CLAIMED,
                    reason=REASON,
                    event_id=None,
                    shard=shard.shard,
                    partition_key=record.partition_key,
                    raw=data,
                )
                send_again(transport, row)
                fates["events sent again"] += events
    return fates


def _records(
    stack: Stack, worker: Worker, shard: ShardId, since_ms: int, until_ms: int
) -> Iterator[Record]:
    """Return a shard's records of a span: Kinesis finds its start by the clock."""
    if stack.connection.kind != "kinesis":
        return read_on(worker.source, shard, since_ms=since_ms, until_ms=until_ms)
    kinesis, stream = stack.environment.kinesis, stack.environment.settings.stream
    return read_between(kinesis, stream, shard, since_ms=since_ms, until_ms=until_ms)


@click.command(help=__doc__)
@stack_option
@click.option("--since", "since_ms", required=True, callback=ago_ms, help="From when: 3h, 2d, ISO.")
@click.option("--until", "until_ms", callback=ago_ms, help="Until when; else until the window.")
@click.pass_obj
def backfill(home: Path, stack: str, *, since_ms: int, until_ms: int | None) -> None:
    """Backfill, wait until it is in the lake, and say how much it was."""
    found = stacks.find(home, stack)
    window_ms = found.environment.settings.window_seconds * 1000
    last_ms = wall_clock_ms() - window_ms if until_ms is None else until_ms
    if since_ms > last_ms:
        raise UserError("the span is empty: --since is later than --until, or within the window")
    fates = backfill_stack(found, since_ms=since_ms, until_ms=last_ms)
    for fate in ("records read", "events sent again"):
        result(f"{fate:17} {fates[fate]:,}")
    if not fates["records read"]:
        say("the stream holds nothing of that span any more, or nothing arrived")

"""What lake and ledger cost: requests, and what is kept."""

import math

from infra.costs import figures
from infra.costs.batches import Batches
from infra.costs.line import DAYS_PER_MONTH, GB, HOURS_PER_MONTH, KB, SECONDS_PER_MONTH, Line
from infra.costs.prices import Prices
from infra.settings import COMMIT_DAYS


def lake(batches: Batches, prices: Prices, *, month: int) -> list[Line]:
    """Return the lake's lines in the `month`-th month: tables grow, hidden bytes come and go."""
    visible = parquet_bytes(batches)
    hidden = (
        visible
        + batches.events_a_month * figures.ID_BYTES
        + batches.a_month * figures.JOURNAL_BYTES
    )
    minutes = HOURS_PER_MONTH * 60
    puts = figures.PUTS_A_FILE * batches.files_a_month + figures.PUTS_A_BATCH * batches.a_month
    gets = figures.GETS_A_BATCH * batches.a_month
    puts += figures.LISTS_A_MINUTE * minutes
    gets += figures.GETS_A_MINUTE * minutes
    if batches.settings.audit_minutes and not batches.on_topic:
        gets += batches.files_a_month
    # Expired bytes stay as old versions for as long again (infra/lake.py).
    kept = visible * months_kept(month) + hidden * months_kept(
        month, days_max=2 * batches.settings.hidden_days
    )
    return [
        Line(resource="lake", quantity=quantity, price=prices[key])
        for quantity, key in (
            (kept / GB, "s3_gb_month"),
            (puts, "s3_put"),
            (gets, "s3_get"),
        )
    ]


def ledger(batches: Batches, prices: Prices, *, month: int) -> list[Line]:
    """Return the ledger's lines in the `month`-th month.

    A batch: two writes of the head, and head and commit in one transaction.
    """
    commit = figures.COMMIT_BYTES + figures.COMMIT_FILE_BYTES * batches.tables
    writes = figures.HEAD_WRITES_A_BATCH * write_units(figures.HEAD_BYTES)
    writes += write_units(figures.HEAD_BYTES, in_transaction=True)
    writes += write_units(commit, in_transaction=True)
    reads = figures.READS_A_BATCH * batches.a_month + _looks(batches)
    kept = commit * batches.a_month * months_kept(month, days_max=COMMIT_DAYS) / GB
    return [
        Line(resource="ledger", quantity=quantity, price=prices[key])
        for quantity, key in (
            (writes * batches.a_month, "dynamodb_write_unit"),
            (reads, "dynamodb_read_unit"),
            (kept, "dynamodb_gb_month"),
            (kept, "dynamodb_recovery_gb_month"),
        )
    ]


def _looks(batches: Batches) -> float:
    """Return how often a head is read beside batches.

    Sweeper and probe each look at every head once a minute; on a topic a worker at each that it
    holds, and the watcher at all.
    """
    once_a_minute = HOURS_PER_MONTH * 60 * batches.shards
    if batches.on_topic:
        swept = SECONDS_PER_MONTH / figures.WORKER_SWEEP_SECONDS * batches.shards
        return swept + once_a_minute
    return 2 * once_a_minute


def write_units(item_bytes: int, *, in_transaction: bool = False) -> int:
    """Return the write request units of one item: one a started KB, twice that in a transaction."""
    return math.ceil(item_bytes / KB) * (figures.TRANSACTION_FACTOR if in_transaction else 1)


def months_kept(month: int, *, days_max: float = math.inf) -> float:
    """Return how many months' worth is stored on average during the `month`-th month.

    What comes in evenly is kept for `days_max`: until then it piles up, then it stays the same.
    """
    start, end, full = month - 1, month, days_max / DAYS_PER_MONTH
    if full >= end:
        return (start + end) / 2
    if full <= start:
        return full
    return (start + full) / 2 * (full - start) + full * (end - full)


def parquet_bytes(batches: Batches) -> float:
    """Return what a month adds to the tables, in bytes."""
    events = batches.events_a_month * batches.load.size * figures.PARQUET_RATIO
    return events + batches.files_a_month * figures.PARQUET_FILE_BYTES

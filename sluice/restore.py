"""Restore a stack's ledger from a backup, and bring it up to the lake by the journal.

DynamoDB restores into a new table only, so this has it make one (--backup, --at) or takes one that
is there (--from), copies heads and commits from it into the ledger, puts back what the journal in
the lake's bucket knows beyond them, and fences the heads anew: what is in the lake is not taken
twice, and what is not is taken. Without any of the three, the ledger is brought up to the journal
as it is. Nothing may write the ledger meanwhile: the stack must be paused and one longest run be
over; --stop sees to the first and resumes the stack, the second is always waited for.

    sluice backup --stack prod
    sluice restore --stack prod --backup latest --stop
    sluice restore --stack prod --at 2026-11-24T17:00:00Z --stop

Run it again if it was interrupted, before the stack is resumed: it ends what it began. Deploys and
`sluice drain`, `replay` and `backfill` are to wait.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import rich_click as click
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import Progress

from pipeline.errors import OperatingError, UserError
from pipeline.ledger.rewind import Rewind
from pipeline.ledger.state import RestoredShard
from sluice import functions, workers
from sluice import stack as stacks
from sluice.backup import backup_named, restored_table
from sluice.console import progress, result, result_json, say
from sluice.options import ago_ms, json_option, stack_option
from sluice.pause import pause_stack
from sluice.resume import resume_stack
from sluice.stack import Stack
from sluice.streams import worker_of

LOOK_SECONDS: Final = 1.0


def restore_ledger(
    stack: Stack, *, source: str | None, on_shard: Callable[[RestoredShard], None]
) -> tuple[RestoredShard, ...]:
    """Rewind the ledger to a table that a backup was restored to, if any, and reconcile it.

    Nothing else may write the ledger, and whatever did must be over. Raises UserError for a source
    that is no ledger, OperatingError.
    """
    environment = stack.environment
    rewind = None
    if source is not None:
        table = environment.settings.ledger_table
        rewind = Rewind(environment.dynamodb, table=table, source=source)
        rewind.check()
        rewind.shared()
    done = []
    with worker_of(stack) as worker:
        for shard in worker.restore(rewind=rewind.shard if rewind else None):
            on_shard(shard)
            done.append(shard)
    return tuple(done)


@contextmanager
def nothing_at_work(stack: Stack, bars: Progress, *, stop: bool) -> Iterator[None]:
    """Hold everything that writes the ledger: for one longest run first, then within.

    What was stopped is started again, unless something was raised: then it stays stopped. Raises
    UserError if something is at work and is not to be stopped, OperatingError.
    """
    task = bars.add_task("stop", total=1, note="mapping and schedules")
    if stop:
        pause_stack(stack)
    refuse_at_work(stack)
    # A run that began before may last as long as any: nothing tells from outside when it ends.
    ends = time.monotonic() + stack.environment.settings.run_seconds_max
    while (left := ends - time.monotonic()) > 0:
        bars.update(task, note=f"waiting {left:.0f} s for the last run to be over")
        time.sleep(min(LOOK_SECONDS, left))
    bars.update(task, completed=1, note="mapping and schedules are stopped, no run is left")
    yield
    if stop:
        resume_stack(stack)
        bars.update(task, note="mapping and schedules run again")


def refuse_at_work(stack: Stack) -> None:
    """Raise UserError if something would start a run, OperatingError."""
    if found := at_work(stack):
        raise UserError(
            f"{found[0]}: a ledger that is restored under a live worker loses or doubles events; "
            f"run: ./dev sluice pause --stack {stack.name}, or let --stop do it"
        )


def at_work(stack: Stack) -> list[str]:
    """Return what would start a run, in words. Raises OperatingError."""
    events = functions.client(stack, "events")
    with functions.told("read mapping and schedules"):
        return _taking(stack) + [
            f"the schedule {rule} is enabled"
            for rule in functions.schedules(stack)
            if events.describe_rule(Name=rule)["State"] != "DISABLED"
        ]


def _taking(stack: Stack) -> list[str]:
    """Return what takes events of the stream, in words."""
    if workers.has_workers(stack):
        found = workers.look(stack)
        count = max(found.desired, found.running)
        return [f"{count} workers are at work"] if count else []
    lambdas, uuid = functions.client(stack, "lambda"), stack.outputs["mapping_uuid"]
    mapping = lambdas.get_event_source_mapping(UUID=uuid)["State"]
    return [] if mapping == "Disabled" else [f"the mapping is {mapping.lower()}"]


def drop(stack: Stack, table: str) -> None:
    """Delete a table that this command had made. Raises OperatingError."""
    try:
        stack.environment.dynamodb.delete_table(TableName=table)
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"restored, but table {table} is left over: {error}") from error


@click.command(help=__doc__)
@stack_option
@click.option("--from", "source", metavar="TABLE", help="A table that a backup was restored to.")
@click.option("--backup", metavar="NAME", help="A backup by name or ARN, or latest.")
@click.option("--at", "at_ms", metavar="TIME", callback=ago_ms, help="A moment: 15m, 2h, ISO 8601.")
@click.option("--stop", is_flag=True, help="Pause the stack first, and resume it at the end.")
@json_option
@click.pass_obj
def restore(
    home: Path,
    /,
    *,
    stack: str,
    source: str | None,
    backup: str | None,
    at_ms: int | None,
    stop: bool,
    as_json: bool,
) -> None:
    """Restore, then print a row a shard."""
    if sum(given is not None for given in (source, backup, at_ms)) > 1:
        raise UserError("--from, --backup and --at each say what to restore from: give one")
    found = stacks.find(home, stack)
    if not stop:
        refuse_at_work(found)
    with progress() as bars:
        made = _copy(found, bars, backup=backup, at_ms=at_ms)
        source = source or made
        with _said_to_go_on(stack, source, stop=stop), nothing_at_work(found, bars, stop=stop):
            task = bars.add_task("restore", total=1, note="")
            done = restore_ledger(
                found, source=source, on_shard=lambda each: bars.update(task, note=each.shard)
            )
            bars.update(task, completed=1, note=f"{len(done)} shards")
    if made is not None:
        drop(found, made)
    if as_json:
        result_json({"shards": [_as_json(each) for each in done]})
    else:
        for each in done:
            result(_said(each))
    say(f"next: ./dev sluice {'drain' if stop else 'resume'} --stack {stack}")


def _copy(stack: Stack, bars: Progress, *, backup: str | None, at_ms: int | None) -> str | None:
    """Return the table that DynamoDB restored for this command, None if none was asked for."""
    if backup is None and at_ms is None:
        return None
    chosen = backup_named(stack, backup) if backup is not None else None
    moment = datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms is not None else None
    task = bars.add_task("copy", total=1, note="DynamoDB restores into a new table")
    table = restored_table(stack, backup=chosen, at=moment)
    bars.update(task, completed=1, note=table)
    return table


@contextmanager
def _said_to_go_on(stack: str, source: str | None, *, stop: bool) -> Iterator[None]:
    """Say what to run if it ends early: half a restored ledger must not be started."""
    try:
        yield
    except UserError:
        raise
    except BaseException:
        more = (f" --from {source}" if source else "") + (" --stop" if stop else "")
        say(
            "the ledger is not restored, and what was stopped stays stopped; run again: "
            f"./dev sluice restore --stack {stack}{more}"
        )
        raise


def _as_json(shard: RestoredShard) -> dict[str, object]:
    """Return a shard's row; a position is text, it has more digits than a script's numbers hold."""
    places = {"started": shard.started, "committed": shard.committed}
    texts = {name: None if place is None else str(place) for name, place in places.items()}
    return {**asdict(shard), **texts}


def _said(shard: RestoredShard) -> str:
    """Return what was done to a shard in one line."""
    published = "; one is still to be published" if shard.unpublished else ""
    started, committed = (
        "nothing" if place is None else place for place in (shard.started, shard.committed)
    )
    return (
        f"{shard.shard}: from {started} to {committed}, "
        f"{shard.put_back:,} commits put back from the journal{published}"
    )

"""Say where a stack is, how far each of its shards is, and which alarms are on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from rich.table import Table

from sluice import alarms, workers
from sluice import stack as stacks
from sluice.console import OUT, result, result_json
from sluice.drain import waits_for
from sluice.options import json_option, stack_option
from sluice.stack import Stack
from sluice.streams import worker_of


def facts_of(stack: Stack) -> dict[str, Any]:
    """Return the stack's facts as JSON values: where it is, its shards and its alarms."""
    outputs = stack.outputs
    with worker_of(stack) as worker:
        shards = worker.pending()
    return {
        "stack": stack.name,
        "endpoint": stack.endpoint,
        "region": outputs["region"],
        "stream": outputs["stream_name"],
        "lake": outputs["lake_uri"],
        "ledger_table": outputs["ledger_table"],
        **({"function": outputs["function_name"]} if "function_name" in outputs else {}),
        **_tasks(stack),
        "minute_seconds": stack.minute_seconds,
        "pace": stack.pace,
        "alarms": {alarm.name: alarm.state for alarm in alarms.read(stack)},
        "drained": all(status.drained for status in shards),
        "shards": [
            {
                **{name: _json(value) for name, value in asdict(status).items()},
                "waits_for": waits_for(status),
            }
            for status in shards
        ],
    }


def _json(value: object) -> object:
    """Return a position as text: it has more digits than a script's numbers hold."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tasks(stack: Stack) -> dict[str, Any]:
    """Return how workers and watcher are, of a stack that has any."""
    named = {workers.WORKERS: "workers", workers.WATCHER: "watcher"}
    return {named[each]: asdict(workers.look(stack, each)) for each in workers.services(stack)}


def _told(found: dict[str, Any]) -> str:
    """Return in words how the tasks of a service are."""
    rolling = "" if found["deployment"] == "COMPLETED" else f"; deployment {found['deployment']}"
    paused = "; paused" if found["paused"] else ""
    return f"{found['running']} of {found['desired']} run{paused}{rolling}"


@click.command(help=__doc__)
@stack_option
@json_option
@click.pass_obj
def status(home: Path, stack: str, as_json: bool) -> None:
    """Print the facts, then a row a shard."""
    facts = facts_of(stacks.find(home, stack))
    if as_json:
        result_json(facts)
        return
    for key in ("endpoint", "region", "stream", "lake", "ledger_table", "function", "pace"):
        if key in facts:
            result(f"{key:13} {facts[key]}")
    for key in ("workers", "watcher"):
        if key in facts:
            result(f"{key:13} {_told(facts[key])}")
    states = facts["alarms"].items()
    on = [name for name, state in states if state == alarms.ON]
    result(f"{'alarms':13} {len(states)}, of which on: {', '.join(on) or 'none'}")
    table = Table("shard", "committed", "lag", "state")
    for shard in facts["shards"]:
        state = shard["waits_for"].partition(": ")[2] or ("closed" if shard["closed"] else "at tip")
        lag = f"{int(shard['lag_ms']) / 1000:.1f} s"
        table.add_row(shard["shard"], shard["committed"] or "nothing yet", lag, state)
    OUT.print(table)

"""Show what functions, or workers and watcher, logged lately; only trouble, with --errors."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import rich_click as click
from botocore.exceptions import ClientError

from pipeline.errors import OperatingError
from sluice import functions, workers
from sluice import stack as stacks
from sluice.console import result, say
from sluice.options import ago_ms, stack_option
from sluice.stack import Stack

LINES_READ_MAX: Final = 100_000
LINES_SHOWN_MAX: Final = 200
TROUBLE: Final = re.compile(
    r"\[ERROR\]|ERROR|CRITICAL|WARNING|timed out|signal: killed|Runtime\."
    r"|^(?:\w+\.)*[A-Z]\w*: |^pipeline\.errors\."
)
"""What Lambda and the functions' own log say of a failure."""
ROUTINE: Final = re.compile(r'^(START|END|REPORT|INIT_START) |^\{.*"_aws"')
"""Lambda's own lines around each run, and metrics: what nobody reads."""


def groups(stack: Stack) -> dict[str, str]:
    """Return the log group of each function, and of workers and watcher, by name."""
    tasks = [stack.outputs[service] for service in workers.services(stack)]
    return {
        **{name: f"/aws/lambda/{name}" for name in functions.names(stack)},
        **{name: f"/aws/ecs/{name}" for name in tasks},
    }


def lines(stack: Stack, group: str, *, since_ms: int, errors: bool) -> Iterator[tuple[int, str]]:
    """Yield time in ms and text of a log group's lines, oldest first.

    Nothing for what never ran. Raises OperatingError, also past `LINES_READ_MAX` lines:
    what is left out must not look like silence.
    """
    client = functions.client(stack, "logs")
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=since_ms
    )
    read = 0
    with functions.told(f"read the log {group}"):
        try:
            for page in pages:
                for event in page["events"]:
                    read += 1
                    text = event["message"].rstrip()
                    if not ROUTINE.search(text) and (not errors or TROUBLE.search(text)):
                        yield event["timestamp"], text
                if read >= LINES_READ_MAX:
                    raise OperatingError(f"{read:,} lines and more to come; ask for less: --since")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


@click.command(help=__doc__)
@stack_option
@click.option(
    "--since", "since_ms", default="15m", callback=ago_ms, help="How long ago, as 90s, 15m, 3h, 2d."
)
@click.option("--errors", is_flag=True, help="Only lines that tell of trouble.")
@click.option(
    "--function", "wanted", help="Only what has a name that ends so, e.g. sweeper, watcher."
)
@click.pass_obj
def logs(home: Path, stack: str, *, since_ms: int, errors: bool, wanted: str | None) -> None:
    """Print the newest lines, oldest first, each with its time and function."""
    found = stacks.find(home, stack)
    merged = sorted(
        (at, name.removeprefix(f"{found.prefix}-"), text)
        for name, group in groups(found).items()
        if wanted is None or name.endswith(wanted)
        for at, text in lines(found, group, since_ms=since_ms, errors=errors)
    )
    for at, name, text in merged[-LINES_SHOWN_MAX:]:
        time = datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S")
        result(f"{time} {name}: {text}")
    left_out = len(merged) - LINES_SHOWN_MAX
    if left_out > 0:
        say(f"{left_out:,} older lines are left out; ask for less: --since")
    if not merged:
        say("no such line in that time")

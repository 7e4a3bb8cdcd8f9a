"""Stop functions or workers from taking anything, and what watches; the stream keeps it all."""

import time
from pathlib import Path
from typing import Final

import rich_click as click

from pipeline.errors import OperatingError
from sluice import functions, workers
from sluice import stack as stacks
from sluice.console import result, say
from sluice.options import stack_option
from sluice.stack import Stack

SWITCH_SECONDS_MAX: Final = 180.0
"""A mapping of Lambda's changes its state in up to a minute or two."""
LOOK_SECONDS: Final = 1.0


def wait_until(reached: functions.Reached) -> None:
    """Block until `reached` says so. Raises OperatingError when it does not in time."""
    deadline = time.monotonic() + SWITCH_SECONDS_MAX
    while not reached():
        if time.monotonic() >= deadline:
            raise OperatingError(
                f"what takes the events has not changed in {SWITCH_SECONDS_MAX:.0f} s; run it again"
            )
        time.sleep(LOOK_SECONDS)


def pause_stack(stack: Stack) -> None:
    """Stop mapping and schedules, or workers and watcher; what runs already ends by itself.

    Raises OperatingError.
    """
    if workers.has_workers(stack):
        workers.stop_workers(stack)
        wait_until(lambda: workers.look(stack).running == 0)
    else:
        functions.switch_mapping(stack, on=False, wait=wait_until)
    stop_watching(stack)


def stop_watching(stack: Stack) -> None:
    """Stop what watches, and sends canaries: schedules, or the watcher. Raises OperatingError."""
    if workers.WATCHER in stack.outputs:
        workers.switch_watcher(stack, on=False)
        wait_until(lambda: workers.look(stack, workers.WATCHER).running == 0)
    events = functions.client(stack, "events")
    for rule in functions.schedules(stack):
        with functions.told(f"stop the schedule {rule}"):
            events.disable_rule(Name=rule)


@click.command(help=__doc__)
@stack_option
@click.pass_obj
def pause(home: Path, stack: str) -> None:
    """Pause, and say for how long that may last."""
    found = stacks.find(home, stack)
    pause_stack(found)
    if workers.has_workers(found):
        result(f"workers and watcher of {stack} are stopped")
    else:
        seconds = found.outputs["settings"]["run_seconds_max"]
        result(
            f"batches and schedules of {stack} are stopped; runs under way end within {seconds} s"
        )
    hours = found.outputs["settings"]["retention_hours"]
    say(f"the stream keeps events for {hours} h; then: ./dev sluice resume --stack {stack}")

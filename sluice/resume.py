"""Start whatever was stopped by hand: batches, workers, what watches, a limit on concurrency."""

from pathlib import Path

import rich_click as click

from sluice import functions, workers
from sluice import stack as stacks
from sluice.console import result
from sluice.options import stack_option
from sluice.pause import wait_until
from sluice.stack import Stack


def resume_stack(stack: Stack) -> list[str]:
    """Start workers and watcher, or mapping and schedules, and lift a limit on the processor.

    Returns what had stood still. The program sets no limit on the processor's concurrency, so any
    is one by hand. Raises OperatingError.
    """
    if workers.has_workers(stack):
        return _resume_tasks(stack)
    started: list[str] = []
    processor = functions.names(stack)[0]
    lambdas = functions.client(stack, "lambda")
    with functions.told(f"lift the limit on {processor}"):
        limit = lambdas.get_function_concurrency(FunctionName=processor)
        if "ReservedConcurrentExecutions" in limit:
            lambdas.delete_function_concurrency(FunctionName=processor)
            at_once = limit["ReservedConcurrentExecutions"]
            started.append(f"{processor}: was limited to {at_once} runs at once")
    _resume_schedules(stack, started)

    def wait(reached: functions.Reached) -> None:
        started.append("mapping: was stopped")
        wait_until(reached)

    functions.switch_mapping(stack, on=True, wait=wait)
    return started


def _resume_tasks(stack: Stack) -> list[str]:
    paused = {service for service in workers.services(stack) if workers.look(stack, service).paused}
    wanted = workers.start_workers(stack)
    workers.switch_watcher(stack, on=True)
    told = {
        workers.WORKERS: f"workers: {wanted} wanted, none was",
        workers.WATCHER: "watcher: was stopped",
    }
    return [words for service, words in told.items() if service in paused]


def _resume_schedules(stack: Stack, started: list[str]) -> None:
    events = functions.client(stack, "events")
    for rule in functions.schedules(stack):
        with functions.told(f"start the schedule {rule}"):
            if events.describe_rule(Name=rule)["State"] == "DISABLED":
                events.enable_rule(Name=rule)
                started.append(f"{rule}: the schedule was stopped")


@click.command(help=__doc__)
@stack_option
@click.pass_obj
def resume(home: Path, stack: str) -> None:
    """Resume, and say what had been stopped."""
    started = resume_stack(stacks.find(home, stack))
    for line in started:
        result(line)
    result(f"everything of {stack} runs" + ("" if started else "; nothing had been stopped"))

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
    """Start workers and watcher, or mapping and schedules, under the stack's own limit on runs.

    Returns what had stood still. Raises OperatingError.
    """
    if workers.has_workers(stack):
        return _resume_tasks(stack)
    started: list[str] = []
    _restore_limit(stack, started)
    _resume_schedules(stack, started)

    def wait(reached: functions.Reached) -> None:
        started.append("mapping: was stopped")
        wait_until(reached)

    functions.switch_mapping(stack, on=True, wait=wait)
    return started


def _restore_limit(stack: Stack, started: list[str]) -> None:
    """Limit the processor's runs at once as the stack's `concurrency_max` does, or not at all."""
    processor = functions.names(stack)[0]
    lambdas = functions.client(stack, "lambda")
    wanted = stack.outputs["settings"].get("concurrency_max")
    with functions.told(f"restore the limit of {processor}"):
        answer = lambdas.get_function_concurrency(FunctionName=processor)
        found = answer.get("ReservedConcurrentExecutions")
        if found == wanted:
            return
        if wanted is None:
            lambdas.delete_function_concurrency(FunctionName=processor)
        else:
            lambdas.put_function_concurrency(
                FunctionName=processor, ReservedConcurrentExecutions=int(wanted)
            )
    limited = "not limited" if found is None else f"limited to {found} runs at once"
    started.append(f"{processor}: was {limited}")


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

"""Deploy this checkout to a stack that exists, with settings changed: on a laptop and on AWS."""

from pathlib import Path
from typing import Final

import rich_click as click

from infra.local import deploy as local
from sluice import pulumi_cli, workers
from sluice import stack as stacks
from sluice.alarms import Alarm
from sluice.console import result, say
from sluice.options import stack_option
from sluice.rollout import AT_ONCE, move_all, plan_of, refuse_on_fire, roll_out
from sluice.up import bring_up, merged, remember, remembered

EXIT_ROLLED_BACK: Final = 1


def deploy_stack(
    home: Path, name: str, pairs: tuple[str, ...] = (), *, at_once: bool = False
) -> Alarm | None:
    """Bring a stack to this checkout's program and code, under changed settings; `KEY=` resets one.

    New code comes to the callers as the stack's `rollout` says, or `at_once`. Returns the alarm
    that ended a rollout by steps, after which all is back on the version of before. Raises
    UserError for a wrong setting, with nothing changed, and OperatingError when Pulumi fails, or
    new workers do not get healthy: the settings are then written, and the same command goes on.
    """
    stack = stacks.find(home, name)  # one that is not there, or not running, is not made here
    if not at_once and plan_of(stack).steps != AT_ONCE:
        refuse_on_fire(stack)
    if stacks.is_local(home, name):
        folder = stacks.folder_of(home, name)
        settings = merged(remembered(folder), pairs)
        bring_up(home, name, settings, None)
        remember(folder, settings)
    else:
        local.check(merged(pulumi_cli.settings(name), pairs))
        pulumi_cli.configure(name, dict(pair.split("=", 1) for pair in pairs))
        pulumi_cli.update(name)
    stack = stacks.find(home, name)
    if workers.has_workers(stack):
        workers.rolled(stack)
    plan = plan_of(stack)
    if at_once or plan.steps == AT_ONCE:
        move_all(stack)
        return None
    return roll_out(stack, plan, say)


@click.command(help=__doc__)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--at-once", is_flag=True, help="Move all callers at once, whatever the setting rollout says."
)
@stack_option
@click.pass_obj
def deploy(home: Path, pairs: tuple[str, ...], *, at_once: bool, stack: str) -> int:
    """Deploy, and say which settings changed; exit 1 when an alarm took the new version back."""
    alarm = deploy_stack(home, stack, pairs, at_once=at_once)
    for pair in pairs:
        result(pair if pair.split("=", 1)[1] else f"{pair}(default)")
    if alarm is not None:
        result(f"rolled back: {alarm.id}: {alarm.reason}")
        say(f"next: ./dev sluice runbook show {alarm.id}")
        return EXIT_ROLLED_BACK
    undo = "./dev sluice rollback --show"
    if workers.has_workers(stacks.find(home, stack)):
        undo = "a deploy of the checkout before"
    say(f"stack {stack} runs this checkout's code; undo it with: {undo}")
    return 0

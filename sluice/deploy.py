"""Deploy this checkout to a stack that exists, with settings changed: on a laptop and on AWS."""

from pathlib import Path

import rich_click as click

from infra.local import deploy as local
from sluice import functions, pulumi_cli
from sluice import stack as stacks
from sluice.console import result, say
from sluice.options import stack_option
from sluice.stack import Stack
from sluice.up import bring_up, merged, remember, remembered


def deploy_stack(home: Path, name: str, pairs: tuple[str, ...] = ()) -> None:
    """Bring a stack to this checkout's program and code, under changed settings; `KEY=` resets one.

    Raises UserError for a wrong setting, with nothing changed, and OperatingError when Pulumi
    fails: the settings are then written, and the same command goes on.
    """
    stack = stacks.find(home, name)  # one that is not there, or not running, is not made here
    if stacks.is_local(home, name):
        folder = stacks.folder_of(home, name)
        settings = merged(remembered(folder), pairs)
        bring_up(home, name, settings, None)
        remember(folder, settings)
    else:
        local.check(merged(pulumi_cli.settings(name), pairs))
        pulumi_cli.configure(name, dict(pair.split("=", 1) for pair in pairs))
        pulumi_cli.update(name)
    _undo_rollback(stack)


def _undo_rollback(stack: Stack) -> None:
    """Point the functions at what was published last: a rollback is none of the program's doing.

    The program sees no difference, and moves no alias, where it publishes nothing new.
    """
    for function in functions.names(stack):
        newest = functions.versions(stack, function)[-1].number
        if functions.live(stack, function) != newest:
            functions.point(stack, function, newest)


@click.command(help=__doc__)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@stack_option
@click.pass_obj
def deploy(home: Path, stack: str, pairs: tuple[str, ...]) -> None:
    """Deploy, and say which settings changed."""
    deploy_stack(home, stack, pairs)
    for pair in pairs:
        result(pair if pair.split("=", 1)[1] else f"{pair}(default)")
    say(f"stack {stack} runs this checkout's code; undo it with: ./dev sluice rollback --show")

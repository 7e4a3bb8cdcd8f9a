"""Change settings of a deployed stack, on a laptop and on AWS alike."""

from pathlib import Path

import rich_click as click

from infra.local import deploy
from sluice import pulumi_cli
from sluice import stack as stacks
from sluice.console import result, say
from sluice.options import stack_option
from sluice.up import bring_up, merged, remember, remembered


def change_settings(home: Path, name: str, pairs: tuple[str, ...]) -> None:
    """Set KEY=VALUE pairs on a stack and deploy it; `KEY=` goes back to the default.

    Raises UserError for a wrong setting, with nothing changed, and OperatingError when Pulumi
    fails: the settings are then written, and the same command goes on.
    """
    if stacks.is_local(home, name):
        stacks.find(home, name)  # one that is not running has nothing to change
        folder = stacks.folder_of(home, name)
        settings = merged(remembered(folder), pairs)
        bring_up(home, name, settings, None)
        remember(folder, settings)
        return
    stacks.find(home, name)
    deploy.check(merged(pulumi_cli.settings(name), pairs))
    pulumi_cli.configure(name, dict(pair.split("=", 1) for pair in pairs))
    pulumi_cli.update(name)


@click.command("set", help=__doc__)
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE...")
@stack_option
@click.pass_obj
def set_(home: Path, stack: str, pairs: tuple[str, ...]) -> None:
    """Set, deploy and say what was set. It deploys this checkout, code included."""
    change_settings(home, stack, pairs)
    for pair in pairs:
        result(pair if pair.split("=", 1)[1] else f"{pair}(default)")
    say(f"stack {stack} runs by these settings now; docs/settings.md lists them all")

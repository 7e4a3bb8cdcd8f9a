"""Stop a local stack; its lake goes with it, its loads, reports and logs stay."""

import shutil
from pathlib import Path

import rich_click as click

from infra.local import supervisor
from pipeline.errors import UserError
from sluice import pulumi_cli
from sluice import stack as stacks
from sluice.console import say
from sluice.drain import unpublished_shards
from sluice.options import stack_option


def stop_local(folder: Path) -> None:
    """Stop a local stack's processes; its resources end with them, its loads and logs stay."""
    supervisor.stop(folder)
    for name in ("state.json", "outputs.json", "settings.json", "pace.json"):
        (folder / name).unlink(missing_ok=True)


def _refuse_unpublished(stack: stacks.Stack) -> None:
    """Raise UserError while a commit is not visible: it would be lost with the stack."""
    waiting = unpublished_shards(stack)
    if waiting:
        raise UserError(
            f"shards {', '.join(waiting)} hold an unpublished commit; run: ./dev sluice drain "
            f"--stack {stack.name}, or repeat with --force"
        )


def _destroy(stack: stacks.Stack, *, force: bool) -> None:
    """Destroy a stack on AWS, with its data where `retain_data` and `destroy_data` agree.

    Raises UserError while something is unpublished, OperatingError when Pulumi refuses.
    """
    if not force:
        _refuse_unpublished(stack)
    pulumi_cli.destroy(stack.name)
    say(f"stack {stack.name} is destroyed")


@click.command(help=__doc__)
@stack_option
@click.option(
    "--delete", is_flag=True, help="Also delete its folder; destroy one on AWS, with its data."
)
@click.option("--force", is_flag=True, help="Even while a commit is unpublished.")
@click.pass_obj
def down(home: Path, stack: str, delete: bool, force: bool) -> None:
    """Stop every process of the stack; refuse to lose what is not published."""
    folder = stacks.folder_of(home, stack)
    if delete and not stacks.is_local(home, stack) and supervisor.running(folder) is None:
        _destroy(stacks.find(home, stack), force=force)
        return
    if not folder.exists():
        raise UserError(f"there is no local stack {stack} under {home}")
    running = supervisor.running(folder) is not None
    if not running and not stacks.is_local(home, stack):
        raise UserError(
            f"no local stack {stack} is running; one on AWS goes, with its data, by: "
            f"./dev sluice down --delete --stack {stack}"
        )
    if running and stacks.is_local(home, stack) and not force:
        _refuse_unpublished(stacks.find(home, stack))
    stop_local(folder)
    if delete:
        shutil.rmtree(folder)
    say(f"stack {stack} is down" + (" and deleted" if delete else f"; its files are in {folder}"))

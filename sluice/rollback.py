"""Put the functions back on the code before, at once; the alias moves, nothing is built."""

from collections.abc import Mapping
from pathlib import Path

import rich_click as click
from rich.table import Table

from pipeline.errors import UserError
from sluice import functions, workers
from sluice import stack as stacks
from sluice.console import OUT, result, say
from sluice.functions import Version
from sluice.options import stack_option
from sluice.stack import Stack


def code_of(history: list[Version], live: int, to: int | None) -> str:
    """Return the SHA-256 of the code to go back to: of version `to`, else the one before live's.

    Raises UserError when there is none.
    """
    by_number = {version.number: version for version in history}
    numbers = ", ".join(map(str, by_number)) or "none"
    if to is not None:
        if to not in by_number:
            raise UserError(f"there is no version {to}; there are {numbers}")
        return by_number[to].code_sha256
    current = by_number[live].code_sha256
    earlier = [v for v in history if v.number < live and v.code_sha256 != current]
    if not earlier:
        raise UserError(
            f"no version before {live} has other code, so there is nothing to go back to; "
            f"versions are {numbers}; name one with --to, or deploy the right revision"
        )
    return earlier[-1].code_sha256


def roll_back(stack: Stack, to: int | None) -> Mapping[str, tuple[int, int]]:
    """Point every function at its newest version of one code; return from and to, by function.

    The functions share a package, so all go back to the code that the processor goes back to; one
    that never had it stays. A rollout that is under way is ended, or what was left of one: then the
    code before is that of the main version. Raises UserError when there is no such code,
    OperatingError.
    """
    processor, *others = functions.names(stack)
    routes = {name: functions.route(stack, name) for name in (processor, *others)}
    split = {name: route for name, route in routes.items() if route.beside}
    if split and to is None:
        for name, route in split.items():
            functions.point(stack, name, route.version)
        return {name: (max(route.beside), route.version) for name, route in split.items()}
    history = {name: functions.versions(stack, name) for name in routes}
    live = {name: route.version for name, route in routes.items()}
    code = code_of(history[processor], live[processor], to)
    moved: dict[str, tuple[int, int]] = {}
    for name, known in history.items():
        numbers = [version.number for version in known if version.code_sha256 == code]
        wanted = to if name == processor and to is not None else max(numbers, default=live[name])
        if wanted != live[name] or name in split:
            functions.point(stack, name, wanted)
            moved[name] = (live[name], wanted)
    return moved


def _mark(percent: float) -> str:
    """Return how a version is marked that gets so much of the invocations."""
    if percent in (0, 100):
        return "live" if percent else ""
    return f"{percent:g} %"


def _versions(stack: Stack) -> Table:
    """Return the published versions of each function, and which one callers get."""
    table = Table("function", "version", "code", "published", "live")
    for name in functions.names(stack):
        route = functions.route(stack, name)
        for version in functions.versions(stack, name):
            mark = _mark(route.percent(version.number))
            code, number = version.code_sha256[:8], str(version.number)
            table.add_row(name, number, code, version.published, mark)
    return table


def _deployments(stack: Stack) -> Table:
    """Return the deployments of each service that ECS has not ended, and which one it wants."""
    table = Table("service", "definition", "begun", "state", "live")
    for service in workers.services(stack):
        for each in workers.describe(stack, service)["deployments"]:
            table.add_row(
                stack.outputs[service],
                each["taskDefinition"].rpartition("/")[2],
                str(each["createdAt"])[:19],
                each.get("rolloutState", ""),
                "live" if each["status"] == "PRIMARY" else "",
            )
    return table


@click.command(help=__doc__)
@stack_option
@click.option(
    "--to", type=int, help="A version of the stream processor, instead of the one before."
)
@click.option("--show", is_flag=True, help="Only show the versions, or deployments of workers.")
@click.pass_obj
def rollback(home: Path, stack: str, to: int | None, show: bool) -> None:
    """Roll back and say what moved."""
    found = stacks.find(home, stack)
    if show:
        OUT.print(_deployments(found) if workers.has_workers(found) else _versions(found))
        return
    if workers.has_workers(found):
        raise UserError(
            f"stack {stack} has workers and no functions: go back by checking out the revision "
            f"before, and ./dev sluice deploy --stack {stack}"
        )
    moved = roll_back(found, to)
    for name, (before, after) in moved.items():
        result(f"{name}: version {before} -> {after}")
    if not moved:
        result("nothing moved: every function is on that code already")
    say(
        "until this checkout is the right revision, do not deploy and change no setting: "
        "either deploys it again"
    )

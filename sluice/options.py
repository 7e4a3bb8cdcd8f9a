"""Options that several verbs share, so that they read and behave the same."""

import re
from collections.abc import Callable
from typing import Any, Final

import rich_click as click

STACK_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,19}")
"""It becomes part of a bucket's name and of a folder's."""


def _stack_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not STACK_NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name!r} is not a letter and up to 19 lower-case letters, digits and hyphens"
        )
    return name


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

stack_option: Decorator = click.option(
    "--stack",
    default="local",
    show_default=True,
    callback=_stack_name,
    help="The stack's name.",
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, for a script."
)

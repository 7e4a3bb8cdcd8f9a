"""Options that several verbs share, so that they read and behave the same."""

from collections.abc import Callable
from typing import Any

import rich_click as click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

stack_option: Decorator = click.option(
    "--stack", default="local", show_default=True, help="The stack's name."
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, for a script."
)

"""Options that several verbs share, so that they read and behave the same."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import rich_click as click

from pipeline.environment import wall_clock_ms

STACK_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,19}")
"""It becomes part of a bucket's name and of a folder's."""


def stack_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Return a stack's name as given. Raises click.BadParameter for what cannot be one."""
    if not STACK_NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name!r} is not a letter and up to 19 lower-case letters, digits and hyphens"
        )
    return name


AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def ago_ms(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Return a moment in ms since the epoch: so long ago (`90s`, `15m`, `3h`, `2d`) or ISO 8601.

    A moment without an offset is UTC. Raises click.BadParameter.
    """
    if text is None:
        return None
    if ago := AGO.fullmatch(text):
        return wall_clock_ms() - round(float(ago[1]) * UNIT_SECONDS[ago[2]] * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither so long ago (90s, 15m, 3h, 2d) nor a moment as "
            "2026-01-31T10:00:00Z"
        ) from None
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

stack_option: Decorator = click.option(
    "--stack",
    default="local",
    show_default=True,
    callback=stack_name,
    help="The stack's name.",
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, for a script."
)

"""Java's properties files as text."""

from collections.abc import Mapping

Value = str | int | bool | float


def properties(why: str, values: Mapping[str, Value]) -> str:
    """Return `name=value` lines under one comment, in the order given."""
    lines = [f"{name}={_written(value)}" for name, value in values.items()]
    return "\n".join([f"# {why}", *lines, ""])


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

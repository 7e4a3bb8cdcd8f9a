"""What is wrong with settings, a sentence each, with the command that changes it."""

import difflib
from collections.abc import Iterable

from pydantic_core import ErrorDetails


def unknown(key: str, known: Iterable[str]) -> str:
    """Return that there is no such setting, with the nearest one, or all there are."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    meant = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(names)}"
    return f"there is no setting {key}{meant} (pulumi config rm {key})"


def told(errors: Iterable[ErrorDetails]) -> str:
    """Return every fault that validation found, in one line."""
    return "; ".join(_fault(error) for error in errors)


def _fault(error: ErrorDetails) -> str:
    """Return one fault: a field's own, or the sentence of a rule between fields."""
    if not error["loc"]:
        return str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
    name = str(error["loc"][0])
    return f"{name}: {error['input']!r} is refused: {error['msg']} (pulumi config set {name} ...)"

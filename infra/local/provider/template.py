"""Templates: how a parameter or an output is made from a resource's properties, written as data.

A template is a value whose strings that begin with `$` are references into a scope: `$name` is an
input property, `$old.x` the same before an update, `$changed.x` whether it differs, `$out.x` an
output, `$id` the physical id, and `$read.x` (or whatever a call's `into` says) a response. What a
reference does not find is left out, and so is a structure of which nothing is left.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Scope = Mapping[str, Any]
Template = Any
"""A literal, a `$reference`, a mapping or list of templates, or one of the operators below."""


class _Absent:
    """What a reference gives that finds nothing."""


ABSENT: Final = _Absent()


@dataclass(frozen=True, kw_only=True)
class Each:
    """One rendering of `to` for each item of a list; the item is `$item` in there."""

    of: str
    to: Template


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """A map as AWS's list of pairs, in the order of its keys."""

    of: str
    key: str = "Key"
    value: str = "Value"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of a map, in order."""

    of: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of two values, by a true or false property."""

    of: str
    true: str
    false: str


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Strings put together: left out if one of them is absent."""

    parts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Given:
    """`then`, if the reference finds something: for a structure with literals in it."""

    of: str
    then: Template


@dataclass(frozen=True, kw_only=True)
class Content:
    """The bytes of the file that a Pulumi asset or archive names."""

    of: str


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """The value of a JSON text."""

    of: str


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A text in base64."""

    of: str


@dataclass(frozen=True, kw_only=True)
class First:
    """The first of several templates that finds something."""

    of: tuple[Template, ...]


Operator = Each | Pairs | Keys | Choice | Given | Content | Parsed | Encoded


def render(template: Template, scope: Scope) -> Any:
    """Return `template` with its references filled from `scope`, or ABSENT."""
    if isinstance(template, str):
        return lookup(template[1:], scope) if template.startswith("$") else template
    if isinstance(template, Mapping):
        rendered = {key: render(value, scope) for key, value in template.items()}
        kept = {key: value for key, value in rendered.items() if value is not ABSENT}
        return kept if kept or not template else ABSENT
    if isinstance(template, list):
        items = [render(item, scope) for item in template]
        found = [item for item in items if item is not ABSENT]
        return found if found or not template else ABSENT
    if isinstance(template, First):
        rendered_each = (render(each, scope) for each in template.of)
        return next((value for value in rendered_each if value is not ABSENT), ABSENT)
    if isinstance(template, Operator | Joined):
        return _operate(template, scope)
    return template


def lookup(path: str, scope: Scope) -> Any:
    """Return what stands at a dotted path; a number in it is a place in a list."""
    value: Any = scope
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part, ABSENT)
        elif isinstance(value, list) and part.lstrip("-").isdigit():
            place = int(part)
            value = value[place] if -len(value) <= place < len(value) else ABSENT
        else:
            return ABSENT
        if value is None or value is ABSENT:
            return ABSENT
    return value


def _operate(operator: Operator | Joined, scope: Scope) -> Any:
    if isinstance(operator, Joined):
        parts = [render(part, scope) for part in operator.parts]
        return ABSENT if ABSENT in parts else "".join(map(str, parts))
    value = render(operator.of, scope)
    return ABSENT if value is ABSENT else _apply(operator, value, scope)


def _apply(operator: Operator, value: Any, scope: Scope) -> Any:
    match operator:
        case Each():
            result: Any = [render(operator.to, {**scope, "item": item}) for item in value]
        case Pairs():
            result = [{operator.key: k, operator.value: v} for k, v in sorted(value.items())]
        case Keys():
            result = sorted(value)
        case Choice():
            result = operator.true if value else operator.false
        case Given():
            result = render(operator.then, scope)
        case Content():
            result = Path(value["path"]).read_bytes()
        case Parsed():
            result = json.loads(value)
        case Encoded():
            result = base64.b64encode(value.encode()).decode()
    return result

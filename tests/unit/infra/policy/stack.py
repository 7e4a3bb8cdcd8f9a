"""What a stack registered, as rules see it, and how one part of it can be broken."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from infra.local.state import Resource

GONE: Final = object()
"""In the place of a value: there is none any more."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Registered resources by logical name, and whether the stack is one that keeps its data."""

    resources: Mapping[str, Resource]
    keeps_data: bool

    def of(self, *kinds: str) -> list[Resource]:
        """The resources of these kinds: the last part of Pulumi's token."""
        return [r for r in self.resources.values() if kind_of(r) in kinds]

    @property
    def key(self) -> str:
        """The ARN of the stack's one key; "" if it has none, or several."""
        keys = [str(key.outputs["arn"]) for key in self.of("Key")]
        return keys[0] if len(keys) == 1 else ""

    def broken(self, *breaks: "Break") -> "Stack":
        """The same stack with something wrong in it."""
        resources = dict(self.resources)
        for each in breaks:
            if not each.path:
                del resources[each.resource]
            elif each.path in ("type", "protect"):
                change: dict[str, Any] = {each.path: each.value}
                resources[each.resource] = replace(resources[each.resource], **change)
            else:
                held = resources[each.resource]
                inputs = _with(deepcopy(dict(held.inputs)), each.path.split("/"), each.value)
                resources[each.resource] = replace(held, inputs=inputs)
        return replace(self, resources=resources)


@dataclass(frozen=True, kw_only=True)
class Break:
    """One value of one resource, replaced; without a path the resource itself is taken away.

    `path` goes by slashes, also into a policy's JSON text.
    """

    resource: str
    path: str = ""
    value: object = GONE


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What must hold of every stack, the page that says so, and breaks that it has to find."""

    id: str
    why: str
    check: Callable[[Stack], Iterator[str]]
    breaks: tuple[Break, ...]
    keeping_only: bool = False
    """Whether it holds for stacks that keep their data alone."""
    broken_in: str = "dev"
    """The stack in which the breaks are made, as `test_rules.py` calls it."""


def kind_of(resource: Resource) -> str:
    """The last part of a resource's type; what ECS and SNS have as well is told apart."""
    prefix = "Msk" if resource.type.startswith("aws:msk/") else ""
    return prefix + resource.type.rsplit(":", 1)[-1]


def statements(resource: Resource, document: str = "policy") -> list[dict[str, Any]]:
    """The statements of a policy that a resource was registered with."""
    return list(json.loads(resource.inputs[document])["Statement"])


def at(value: Any, path: str) -> Any:
    """What lies at a path of nested inputs, None where it ends early."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _with(value: Any, path: list[str], new: object) -> Any:
    if not path:
        return new
    if isinstance(value, str):
        return json.dumps(_with(json.loads(value), path, new))
    key: Any = int(path[0]) if isinstance(value, list) else path[0]
    if new is GONE and len(path) == 1:
        del value[key]
    else:
        held = value[key] if len(path) > 1 else None
        value[key] = _with(held, path[1:], new)
    return value

"""What a resource type is made of: the calls that create, read, update and delete it, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.provider.template import Keys, Pairs, Scope, Template


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A waiter of botocore (its own data says what is polled and what ends it)."""

    waiter: str
    parameters: Mapping[str, Template]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation of the service's API.

    Made only if every reference of `needs` finds something and, where given, `when` (a reference
    and the value that it must have) and `grows` or `shrinks` (a number, against `$old`) hold.
    The response is in scope for later calls and outputs under `into`.
    """

    operation: str
    parameters: Mapping[str, Template] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    when: tuple[str, Any] | None = None
    grows: str | None = None
    shrinks: str | None = None
    into: str = "response"
    wait: Wait | None = None


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a change of one of `properties` calls; with `on_create`, a second step of creation."""

    properties: tuple[str, ...]
    calls: tuple[Call, ...]
    on_create: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One type of the AWS package.

    `identity` are the inputs that fix the physical name: where a replacement leaves them as they
    are, the old one goes first. `exists` and `gone` are the error codes by which the service says
    so; `find` is the call that finds what an interrupted creation may have left, and `found` what
    of its answer takes the place of `$create`. `finish` are further steps of a creation, whatever
    the inputs. Of `ignored` inputs a change calls nothing. `told` is how inputs are read back, so
    that a refresh sees drift.
    """

    token: str
    service: str
    create: Call
    id: Template
    finish: tuple[Call, ...] = ()
    identity: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    updates: tuple[Update, ...] = ()
    ignored: tuple[str, ...] = ()
    read: tuple[Call, ...] = ()
    outputs: Mapping[str, Template] = field(default_factory=dict)
    told: Mapping[str, Template] = field(default_factory=dict)
    delete: tuple[Call, ...] = ()
    prepare_delete: Callable[[Any, Scope], None] | None = None
    find: Call | None = None
    found: Template = ""
    exists: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def properties(self) -> frozenset[str]:
        """Every input that this type takes; any other one is refused."""
        changed = [name for update in self.updates for name in update.properties]
        return frozenset({*self.identity, *self.replaces, *self.ignored, *changed})


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """One function of the AWS package: what it takes, a call, if any, and what it returns."""

    token: str
    service: str
    call: Call | None
    outputs: Mapping[str, Template]
    arguments: tuple[str, ...] = ()


def reads(operation: str, /, **parameters: Template) -> tuple[Call, ...]:
    """Return the one call by which a resource is read, into `$read`."""
    return (Call(operation=operation, parameters=parameters, into="read"),)


def deletes(operation: str, /, **parameters: Template) -> tuple[Call, ...]:
    """Return the one call by which a resource is deleted."""
    return (Call(operation=operation, parameters=parameters),)


def changes(properties: tuple[str, ...], operation: str, /, **parameters: Template) -> Update:
    """Return the one call by which a change of any of these properties is made."""
    return Update(properties=properties, calls=(Call(operation=operation, parameters=parameters),))


def sets(properties: tuple[str, ...], operation: str, /, **parameters: Template) -> Update:
    """Return the one call that sets these properties: after the creation, and on a change."""
    return replace(changes(properties, operation, **parameters), on_create=True)


def tag_updates(
    owner: Mapping[str, Template],
    *,
    tags: Template = Pairs(of="$tags"),  # noqa: B008 - a frozen value
    members: tuple[str, str] = ("Tags", "TagKeys"),
    operations: tuple[str, str] = ("tag_resource", "untag_resource"),
) -> Update:
    """Return how changed tags are written: first those that went are removed, then all are set.

    `owner` are the parameters that name the resource; `members` and `operations` those that set
    tags and that remove them, by the service's own names.
    """
    setting, removing = operations
    written, removed = members
    return Update(
        properties=("tags",),
        calls=(
            Call(
                operation=removing,
                parameters={**owner, removed: Keys(of="$removed.tags")},
                needs=("$removed.tags",),
            ),
            Call(operation=setting, parameters={**owner, written: tags}, needs=("$tags",)),
        ),
    )

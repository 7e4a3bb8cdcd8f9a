"""Under which URNs a resource may stand in the state, because it or a parent was renamed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

MakeUrn = Callable[[str, str, str], str]
"""Makes a URN of a parent's URN (empty for none), a type and a name."""


def former_urns(
    request: Any, parents: Mapping[str, tuple[str, ...]], make_urn: MakeUrn
) -> tuple[str, ...]:
    """Return the URNs that a registration's aliases stand for, with those of its parent.

    `parents` gives the former URNs of what was registered before. A child whose name begins with
    its parent's is taken to have been renamed with it (Pulumi docs, "Resource option: aliases").
    """
    named = list(_own(request, make_urn))
    for parent in (request.parent, *parents.get(request.parent, ())):
        name = _as_child(request.name, request.parent, parent)
        specs = [alias.spec for alias in request.aliases if not alias.urn]
        named += [make_urn(parent, request.type, name)]
        named += [
            make_urn(parent, spec.type or request.type, spec.name or name)
            for spec in specs
            if not spec.noParent and not spec.parentUrn
        ]
    now = make_urn(request.parent, request.type, request.name)
    return tuple(dict.fromkeys(urn for urn in named if urn != now))


def _own(request: Any, make_urn: MakeUrn) -> Iterator[str]:
    """Yield what aliases say that name a URN, another parent, or none."""
    for alias in request.aliases:
        spec = alias.spec
        if alias.urn:
            yield alias.urn
        elif spec.noParent or spec.parentUrn:
            yield make_urn(spec.parentUrn, spec.type or request.type, spec.name or request.name)


def _as_child(name: str, parent: str, former: str) -> str:
    """Return what a child was called when its parent had its former name."""
    now, then = (urn.rsplit("::", 1)[-1] for urn in (parent, former))
    return then + name.removeprefix(now) if name.startswith(now) and parent != former else name

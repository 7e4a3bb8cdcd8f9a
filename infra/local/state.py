"""The local stack's state: what was made, and from what, in one JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.errors import UserError

VERSION: Final = 1

Status = Literal["creating", "created", "superseded"]
"""`creating` is written before the call that creates, so that a crash in it leaves a trace;
`superseded` waits for deletion at the end of the update, when nothing refers to it any more."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource: inputs as last applied, outputs as last read.

    `dependencies` gives, for each input, the URNs of the resources that it was made from; `after`
    all that it was made after, which must outlive it; `formerly` other URNs that it may have had.
    """

    urn: str
    type: str
    status: Status
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[str, list[str]] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    protect: bool = False
    formerly: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The logical name: the last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]


class State:
    """The file, held in memory and written whole, atomically, after each change."""

    def __init__(self, path: Path, *, stack: str, region: str) -> None:
        """Read what is there. Raises UserError if it belongs to another stack or region."""
        self._path = path
        self._stack = stack
        self._region = region
        self.resources: list[Resource] = []
        self.outputs: dict[str, Any] = {}
        if path.exists():
            self._read()

    def get(self, urn: str) -> Resource | None:
        """Return the live resource of a URN, made or being made."""
        return next((r for r in self.resources if r.urn == urn and r.status != "superseded"), None)

    def adopt(self, wanted: Resource) -> Resource | None:
        """Return what stands under a resource's URN, or under a former one: that is then its own.

        Whatever refers to it by the former URN follows.
        """
        if (found := self.get(wanted.urn)) is not None:
            return found
        former = next((urn for urn in wanted.formerly if self.get(urn) is not None), None)
        if former is None:
            return None
        renamed = {former: wanted.urn}
        self.resources = [
            replace(
                resource,
                urn=renamed.get(resource.urn, resource.urn),
                after=tuple(renamed.get(urn, urn) for urn in resource.after),
                dependencies={
                    name: [renamed.get(urn, urn) for urn in urns]
                    for name, urns in resource.dependencies.items()
                },
            )
            for resource in self.resources
        ]
        self.write()
        return self.get(wanted.urn)

    def put(self, resource: Resource) -> None:
        """Record a resource in the place of what it was before."""
        self.resources = [
            r for r in self.resources if r.urn != resource.urn or r.status == "superseded"
        ]
        self.resources.append(resource)
        self.write()

    def supersede(self, resource: Resource) -> None:
        """Keep a replaced resource aside until nothing refers to it."""
        place = self.resources.index(resource)
        self.resources[place] = replace(resource, status="superseded")
        self.write()

    def remove(self, resource: Resource) -> None:
        """Forget a resource that was deleted."""
        self.resources.remove(resource)
        self.write()

    def forget(self) -> None:
        """Forget everything."""
        self.resources = []
        self.write()

    def dependents_first(self) -> list[Resource]:
        """Return the resources in an order in which they can be deleted.

        Not the order in which they were recorded: an update that died half-way leaves that one
        mixed of two programs.
        """
        waiting = list(reversed(self.resources))
        ordered: list[Resource] = []
        while waiting:
            needed = {urn for resource in waiting for urn in resource.after}
            free = [r for r in waiting if r.urn not in needed]
            # Two generations of one resource may seem to need each other: then the newest goes.
            ordered += free or waiting[:1]
            waiting = [r for r in waiting if r not in ordered]
        return ordered

    def write(self) -> None:
        """Replace the file: a crash leaves the old one or the new one, never half of one."""
        content = {
            "version": VERSION,
            "stack": self._stack,
            "region": self._region,
            "outputs": self.outputs,
            "resources": [asdict(resource) for resource in self.resources],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(json.dumps(content))
        unfinished.replace(self._path)

    def delete_file(self) -> None:
        """Remove the file of a stack that is gone."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        content = json.loads(self._path.read_text())
        for key, mine in (("version", VERSION), ("stack", self._stack), ("region", self._region)):
            if content[key] != mine:
                raise UserError(
                    f"the state in {self._path} is of {key} {content[key]!r}, not {mine!r}: "
                    "take that one down first, or name another state file"
                )
        self.outputs = content["outputs"]
        self.resources = [
            Resource(
                **{
                    **held,
                    "after": tuple(held["after"]),
                    "formerly": tuple(held.get("formerly", ())),
                }
            )
            for held in content["resources"]
        ]


def read_identity(path: Path) -> tuple[str, str]:
    """Return the stack and region of a state file. Raises UserError if there is none."""
    if not path.exists():
        raise UserError(f"there is no local stack at {path}: nothing to take down")
    content = json.loads(path.read_text())
    return content["stack"], content["region"]

"""The one interpreter that carries out every resource type's data against the embedded AWS."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from infra.local.provider.calls import Caller, code
from infra.local.provider.errors import ProviderError, UnknownProperty, UnknownResource
from infra.local.provider.made import Change, Made, Unfinished
from infra.local.provider.resource_type import Call, Invoke, ResourceType, Update
from infra.local.provider.template import ABSENT, Scope, render


class Provider:
    """Creates, updates and deletes resources by their types' data, on a loopback endpoint alone."""

    def __init__(
        self,
        types: Mapping[str, ResourceType],
        invokes: Mapping[str, Invoke],
        *,
        endpoint: str,
        region: str,
    ) -> None:
        """Take the types to serve. Raises ProviderError unless the endpoint is on this machine."""
        self._types = types
        self._invokes = invokes
        self._region = region
        self._caller = Caller(endpoint=endpoint, region=region)

    def check(
        self, token: str, name: str, inputs: Mapping[str, Any], *, complete: bool = True
    ) -> None:
        """Refuse what cannot be made, before anything is.

        Of inputs that are not `complete` (a preview knows no physical id yet) only the names are
        checked. Raises UnknownResource, UnknownProperty or InvalidParameter.
        """
        resource_type = self._type(token)
        unknown = sorted(set(inputs) - resource_type.properties)
        if unknown:
            raise UnknownProperty(
                f"{name} ({token}): the local provider does not know the propert"
                f"{'y' if len(unknown) == 1 else 'ies'} {', '.join(unknown)}; "
                "add it to the type's data in infra/local/provider"
            )
        if complete:
            self._caller.parameters(resource_type.service, resource_type.create, inputs, name)

    def replacing_properties(self, token: str) -> frozenset[str]:
        """Return the inputs of which a change needs a new resource."""
        resource_type = self._type(token)
        return frozenset({*resource_type.identity, *resource_type.replaces})

    def diff(self, token: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
        """Return what changed, by value, and whether AWS could change it in place."""
        resource_type = self._type(token)
        compared = {*old, *new} - set(resource_type.ignored)
        changed = tuple(sorted(key for key in compared if not same(old.get(key), new.get(key))))
        fixed = self.replacing_properties(token)
        return Change(
            properties=changed,
            replaces=tuple(key for key in changed if key in fixed),
            delete_first=not set(changed) & set(resource_type.identity),
        )

    def create(
        self,
        token: str,
        name: str,
        inputs: Mapping[str, Any],
        *,
        unfinished: Unfinished | None = None,
        on_id: Callable[[str], None] = lambda _: None,
    ) -> Made:
        """Create a resource and tell its id as soon as it is known.

        `unfinished` is what an interrupted creation from the same inputs has left: it is adopted.
        """
        resource_type = self._type(token)
        scope: dict[str, Any] = {**inputs, "region": self._region}
        if unfinished is not None and unfinished.id:
            scope["id"] = unfinished.id
        elif unfinished is None or not self._find(resource_type, scope, name):
            self._create(resource_type, scope, name, adopt=unfinished is not None)
        if "id" not in scope:
            scope["id"] = self._id(resource_type, scope, name)
        on_id(scope["id"])
        return self._finished(resource_type, scope, name)

    def locate(self, token: str, name: str, inputs: Mapping[str, Any]) -> str:
        """Return the id of what an interrupted creation may have left, "" where none can be told.

        A key or topic whose creation was never answered stays behind: AWS gives it no name of ours.
        """
        resource_type = self._type(token)
        scope: dict[str, Any] = {**inputs, "region": self._region}
        self._find(resource_type, scope, name)
        identifier = render(resource_type.id, scope)
        return "" if identifier is ABSENT else str(identifier)

    def exists(self, token: str, name: str, inputs: Mapping[str, Any], made: Made) -> bool | None:
        """Return whether a resource is still there; None for a type that cannot be read."""
        if not self._type(token).read:
            return None
        return self.inspect(token, name, inputs, made) is not None

    def inspect(
        self, token: str, name: str, inputs: Mapping[str, Any], made: Made
    ) -> tuple[dict[str, Any], Made] | None:
        """Return inputs and outputs of a resource as the service tells them; None if it is gone.

        Of the inputs only those that the type's data can read back may differ from what was given.
        """
        resource_type = self._type(token)
        scope: dict[str, Any] = {
            **inputs,
            "out": made.outputs,
            "id": made.id,
            "region": self._region,
        }
        try:
            self._read(resource_type, scope, name)
        except ClientError as error:
            if code(error) in resource_type.gone:
                return None
            raise
        # A read that lists answers with an empty list.
        if resource_type.read and render(resource_type.outputs.get("arn", "$id"), scope) is ABSENT:
            return None
        told = {key: render(template, scope) for key, template in resource_type.told.items()}
        # What nobody asked for is no drift; of an import all is new.
        imported = set(inputs) <= set(resource_type.identity)
        found = {
            key: value
            for key, value in told.items()
            if value is not ABSENT and (imported or key in inputs)
        }
        outputs = {**made.outputs, **_outputs(resource_type, scope)}
        return {**inputs, **found}, Made(id=made.id, outputs=outputs)

    def named(self, token: str, identifier: str) -> dict[str, Any]:
        """Return the inputs that a physical id tells: what an import begins with."""
        return dict.fromkeys(self._type(token).identity[:1], identifier)

    def update(
        self,
        token: str,
        name: str,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        made: Made,
    ) -> Made:
        """Change a resource in place. Raises ProviderError if no call makes the change."""
        resource_type = self._type(token)
        changed = set(self.diff(token, old, new).properties)
        scope: dict[str, Any] = {
            **new,
            "old": old,
            "out": made.outputs,
            "id": made.id,
            "region": self._region,
            "changed": dict.fromkeys(changed, True),
            "removed": {"tags": _removed(old.get("tags"), new.get("tags"))},
        }
        try:
            for update in resource_type.updates:
                if changed & set(update.properties):
                    self._change(resource_type, update, scope, name)
            self._read(resource_type, scope, name)
        except ClientError as error:
            raise ProviderError(f"cannot change {name} ({token}): {error}") from error
        outputs = {**made.outputs, **_outputs(resource_type, scope)}
        return Made(id=made.id, outputs=outputs)

    def delete(
        self,
        token: str,
        name: str,
        inputs: Mapping[str, Any],
        made: Made,
        *,
        forced: bool = False,
    ) -> None:
        """Delete a resource; one that is gone already is deleted.

        `forced` lets data go that the inputs protect: what `down` does to its own embedded AWS.
        """
        resource_type = self._type(token)
        scope: dict[str, Any] = {**inputs, "out": made.outputs, "id": made.id, "forced": forced}
        try:
            if resource_type.prepare_delete is not None:
                resource_type.prepare_delete(self._caller.client(resource_type.service), scope)
            for call in resource_type.delete:
                self._make(resource_type, call, scope, name)
        except ClientError as error:
            if code(error) not in resource_type.gone:
                raise ProviderError(f"cannot delete {name} ({token}): {error}") from error

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function of the AWS package answers."""
        invoke = self._invokes.get(token)
        if invoke is None:
            raise UnknownResource(f"the local provider has no data for the function {token}")
        if unknown := sorted(set(arguments) - set(invoke.arguments)):
            raise UnknownProperty(f"{token}: the local provider takes no {', '.join(unknown)}")
        scope: dict[str, Any] = {**arguments, "region": self._region}
        if invoke.call is not None:
            self._caller.make(invoke.service, invoke.call, scope, token)
        return dict(render(invoke.outputs, scope))

    def _type(self, token: str) -> ResourceType:
        found = self._types.get(token)
        if found is None:
            raise UnknownResource(
                f"the local provider has no data for the resource type {token}; "
                "add it to infra/local/provider"
            )
        return found

    def _create(
        self, resource_type: ResourceType, scope: dict[str, Any], name: str, *, adopt: bool
    ) -> None:
        try:
            self._make(resource_type, resource_type.create, scope, name)
        except ClientError as error:
            if not (adopt and code(error) in resource_type.exists):
                what = f"cannot create {name} ({resource_type.token})"
                raise ProviderError(f"{what}: {error}") from error

    def _id(self, resource_type: ResourceType, scope: Scope, name: str) -> str:
        identifier = render(resource_type.id, scope)
        if identifier is ABSENT:
            raise ProviderError(f"{name}: {resource_type.token} answered without an id")
        return str(identifier)

    def _change(
        self, resource_type: ResourceType, update: Update, scope: dict[str, Any], name: str
    ) -> None:
        calls = [self._make(resource_type, call, scope, name) for call in update.calls]
        if not any(calls):
            properties = ", ".join(update.properties)
            raise ProviderError(f"{name}: no call makes this change of {properties} in place")

    def _finished(self, resource_type: ResourceType, scope: dict[str, Any], name: str) -> Made:
        """Carry out the second steps of a creation and read the outputs back."""
        try:
            steps = [u.calls for u in resource_type.updates if u.on_create and _set(u, scope)]
            for call in chain(resource_type.finish, *steps):
                self._make(resource_type, call, scope, name)
            self._read(resource_type, scope, name)
        except ClientError as error:
            raise ProviderError(f"cannot finish {name}: {error}") from error
        outputs = _outputs(resource_type, scope)
        lacking = sorted(set(resource_type.outputs) - set(outputs))
        if lacking:
            raise ProviderError(f"{name}: no value came back for {', '.join(lacking)}")
        return Made(id=scope["id"], outputs=outputs)

    def _find(self, resource_type: ResourceType, scope: dict[str, Any], name: str) -> bool:
        if resource_type.find is None:
            return False
        self._make(resource_type, resource_type.find, scope, name)
        found = render(resource_type.found, scope)
        if found is ABSENT:
            return False
        scope["create"] = found
        return True

    def _read(self, resource_type: ResourceType, scope: dict[str, Any], name: str) -> None:
        for call in resource_type.read:
            self._make(resource_type, call, scope, name)

    def _make(
        self, resource_type: ResourceType, call: Call, scope: dict[str, Any], name: str
    ) -> bool:
        return self._caller.make(resource_type.service, call, scope, name)


def _set(update: Update, scope: Scope) -> bool:
    return any(scope.get(name) is not None for name in update.properties)


def _outputs(resource_type: ResourceType, scope: Scope) -> dict[str, Any]:
    rendered = {key: render(template, scope) for key, template in resource_type.outputs.items()}
    return {key: value for key, value in rendered.items() if value is not ABSENT}


def _removed(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (old or {}).items() if key not in (new or {})}


def same(old: Any, new: Any) -> bool:
    """Return whether two values are equal; of files the content counts, not the place."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and "sha256" in old:
        return bool(old["sha256"] == new.get("sha256"))
    return bool(old == new)

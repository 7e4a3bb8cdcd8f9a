"""What an update does to each resource: create, change, replace or delete, recorded as it goes."""

from collections.abc import Callable
from dataclasses import replace

from infra.local.provider.errors import ProviderError
from infra.local.provider.interpreter import Provider
from infra.local.provider.made import Made, Unfinished
from infra.local.state import Resource, State


class LocalStack:
    """One update of a local stack: resources are registered one by one, in order of dependence."""

    def __init__(self, provider: Provider, state: State, on_event: Callable[[str], None]) -> None:
        """Take what makes resources, what remembers them, and who is told of each step."""
        self._provider = provider
        self._state = state
        self._on_event = on_event
        self._seen: set[str] = set()

    def forget_if_lost(self) -> None:
        """Start from nothing if the embedded AWS has nothing of what the state names.

        It keeps all in memory, so one that was started anew knows none of it.
        """
        made = [r for r in self._state.resources if r.status == "created"]
        # One call as a rule: the first that is still there settles it.
        if made and not any(self._exists(resource) for resource in made):
            self._on_event("the embedded AWS was started anew: making everything again")
            self._state.forget()

    def _exists(self, resource: Resource) -> bool | None:
        made = Made(id=resource.id, outputs=resource.outputs)
        return self._provider.exists(resource.type, resource.name, resource.inputs, made)

    def register(self, wanted: Resource, *, ignored: tuple[str, ...] = ()) -> Resource:
        """Bring one resource to its wanted inputs and return it with id and outputs.

        Once it is there, `ignored` inputs stay what they were, whatever is wanted.
        """
        self._provider.check(wanted.type, wanted.name, wanted.inputs)
        self._seen.add(wanted.urn)
        old = self._state.adopt(wanted)
        if old is None:
            return self._create(wanted)
        if old.status == "creating":
            return self._resume(old, wanted)
        kept = {key: old.inputs[key] for key in ignored if key in old.inputs}
        others = {key: value for key, value in wanted.inputs.items() if key not in ignored}
        wanted = replace(wanted, inputs={**others, **kept})
        change = self._provider.diff(wanted.type, old.inputs, wanted.inputs)
        if change.replaces:
            return self._replace(old, wanted, change.replaces, delete_first=change.delete_first)
        if change.properties:
            self._on_event(f"~ {wanted.name}: {', '.join(change.properties)}")
            made = self._provider.update(
                wanted.type,
                wanted.name,
                old.inputs,
                wanted.inputs,
                Made(id=old.id, outputs=old.outputs),
            )
            return self._record(wanted, made)
        return self._record(wanted, Made(id=old.id, outputs=old.outputs))

    def finish(self) -> None:
        """Delete what was replaced and what the program no longer has, dependents first."""
        for resource in self._state.dependents_first():
            if resource.status == "superseded" or resource.urn not in self._seen:
                self._delete(resource)

    def destroy(self) -> None:
        """Delete everything, dependents first; protection is against changes, not against this."""
        for resource in self._state.dependents_first():
            self._delete(resource, forced=True)

    def _resume(self, old: Resource, wanted: Resource) -> Resource:
        """Go on with an interrupted creation, or begin it again if it was of something else."""
        if old.inputs == wanted.inputs:
            return self._create(wanted, Unfinished(id=old.id))
        self._delete(old)
        return self._create(wanted)

    def _create(self, wanted: Resource, unfinished: Unfinished | None = None) -> Resource:
        self._on_event(f"+ {wanted.name}")
        begun = replace(wanted, status="creating", id=unfinished.id if unfinished else "")
        self._state.put(begun)
        made = self._provider.create(
            wanted.type,
            wanted.name,
            wanted.inputs,
            unfinished=unfinished,
            on_id=lambda identifier: self._state.put(replace(begun, id=identifier)),
        )
        return self._record(wanted, made)

    def _record(self, wanted: Resource, made: Made) -> Resource:
        resource = replace(
            wanted, status="created", id=made.id, outputs={**wanted.inputs, **made.outputs}
        )
        self._state.put(resource)
        return resource

    def _replace(
        self, old: Resource, wanted: Resource, because: tuple[str, ...], *, delete_first: bool
    ) -> Resource:
        _refuse_protected(old, f"replaced, because {', '.join(because)} changed")
        self._on_event(f"+- {wanted.name}: {', '.join(because)}")
        if delete_first:
            for dependent in self._replaced_with(old.urn):
                self._delete(dependent)
            self._delete(old)
        else:
            self._state.supersede(old)
        return self._create(wanted)

    def _replaced_with(self, urn: str) -> list[Resource]:
        """Return, dependents first, the resources that cannot outlive the one of `urn`.

        Pulumi's rule for delete-before-replace: those of which an input that forces replacement was
        made from it, and so on from them.
        """
        doomed: list[Resource] = []
        urns = {urn}
        for resource in reversed(self._state.dependents_first()):
            if resource.status == "created" and self._made_from(resource, urns):
                urns.add(resource.urn)
                doomed.insert(0, resource)
        return doomed

    def _made_from(self, resource: Resource, urns: set[str]) -> bool:
        fixed = self._provider.replacing_properties(resource.type)
        return any(
            urns & set(sources) for name, sources in resource.dependencies.items() if name in fixed
        )

    def _delete(self, resource: Resource, *, forced: bool = False) -> None:
        if not forced:
            _refuse_protected(resource, "deleted")
        self._on_event(f"- {resource.name}")
        identifier = resource.id or self._provider.locate(
            resource.type, resource.name, resource.inputs
        )
        if identifier:
            self._provider.delete(
                resource.type,
                resource.name,
                resource.inputs,
                Made(id=identifier, outputs=resource.outputs),
                forced=forced,
            )
        self._state.remove(resource)


def _refuse_protected(resource: Resource, what: str) -> None:
    if resource.protect:
        raise ProviderError(
            f"{resource.name} is protected and would be {what}; "
            "set retain_data to false if its data may go"
        )

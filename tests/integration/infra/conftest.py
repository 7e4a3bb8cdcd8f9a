"""Stacks on an embedded AWS of these tests' own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.local import deploy
from infra.local.supervisor import LocalAws
from tests.embedded_aws import aws, client, package_file

__all__ = ["aws", "client", "package_file"]


@dataclass(kw_only=True)
class Deployment:
    """One stack, its state file and what was said of its last update."""

    stack: str
    endpoint: str
    region: str
    state_file: Path
    settings: Mapping[str, str]
    events: list[str] = field(default_factory=list)

    def up(self, **settings: str) -> dict[str, Any]:
        self.events = []
        return deploy.up(
            {**self.settings, **settings},
            stack=self.stack,
            endpoint=self.endpoint,
            region=self.region,
            state_file=self.state_file,
            on_event=self.events.append,
        )

    def down(self) -> None:
        self.events = []
        deploy.down(
            state_file=self.state_file,
            endpoint=self.endpoint,
            region=self.region,
            on_event=self.events.append,
        )


@pytest.fixture(scope="module")
def deployment(
    aws: LocalAws, package_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Deployment]]:
    """Name a stack; what a test leaves of it is taken down after the module."""
    made: list[Deployment] = []

    def name(stack: str) -> Deployment:
        new = Deployment(
            stack=stack,
            endpoint=aws.endpoint,
            region=aws.region,
            state_file=tmp_path_factory.mktemp(stack) / "state.json",
            settings={"package_file": str(package_file)},
        )
        made.append(new)
        return new

    yield name
    for left in made:
        if left.state_file.exists():
            left.down()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that the provider calls during a test."""
    from infra.local.provider import calls

    made: list[str] = []
    make = calls.Caller.make

    def noted(self: Any, service: str, call: Any, scope: dict[str, Any], name: str) -> bool:
        done = make(self, service, call, scope, name)
        if done:
            made.append(call.operation)
        return done

    monkeypatch.setattr(calls.Caller, "make", noted)
    return made


@pytest.fixture(scope="module")
def stack(deployment: Callable[[str], Any]) -> Any:
    """A stack with everything at its default; tests that change it come after those that look."""
    made = deployment("whole")
    made.outputs = made.up()
    return made

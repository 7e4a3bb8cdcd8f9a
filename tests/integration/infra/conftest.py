"""Stacks on an embedded AWS of these tests' own."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import deploy, supervisor
from infra.local.supervisor import LocalAws

HANDLER = "def handler(event, context):\n    return {'version': context.function_version}\n"


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An embedded AWS on a free port."""
    folder = tmp_path_factory.mktemp("aws")
    yield supervisor.start(folder)
    supervisor.stop(folder)


@pytest.fixture(scope="session")
def package_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Functions that answer with their version."""
    path = tmp_path_factory.mktemp("package") / "functions.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambdas/__init__.py", "")
        for folder in ("process_stream", "sweep_ledger", "probe_freshness", "audit_lake"):
            archive.writestr(f"lambdas/{folder}/__init__.py", "")
            archive.writestr(f"lambdas/{folder}/handler.py", HANDLER)
    return path


@pytest.fixture(scope="session")
def client(aws: LocalAws) -> Callable[[str], Any]:
    """Make a client of a service of the embedded AWS."""
    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=aws.region
    )
    return lambda service: session.client(service, endpoint_url=aws.endpoint)


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

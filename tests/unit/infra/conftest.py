"""The program registered against a provider that checks everything and makes nothing."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.deploy import run_program
from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.interpreter import Provider
from infra.local.provider.made import Made
from infra.local.provider.template import ABSENT, render
from infra.local.stack import LocalStack
from infra.local.state import Resource, State
from pipeline.domain.contracts import MEASURES
from pipeline.metrics import CATALOGUE
from pipeline.names import METRICS_NAMESPACE

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "123456789012"
REGION = "eu-central-1"
NUMBERS = {"latestRevision": 1, "revision": 1}
"""Outputs that are no text."""


class CheckedOnly(Provider):
    """The real checks and differences; creation answers with made-up outputs."""

    def create(self, token: str, name: str, inputs: Mapping[str, Any], **_: Any) -> Made:
        made_up = {
            key: f"arn:aws:{TYPES[token].service}:{REGION}:{ACCOUNT}:{name}"
            if key == "arn"
            else NUMBERS.get(key, f"{name}-{key}")
            for key in TYPES[token].outputs
        }
        known = {key: render(template, inputs) for key, template in TYPES[token].outputs.items()}
        return Made(
            id=f"{name}-id",
            outputs={**made_up, **{k: v for k, v in known.items() if v is not ABSENT}},
        )

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "accountId": ACCOUNT,
            "region": REGION,
            "names": [f"{REGION}{letter}" for letter in "abc"],
            "id": f"pl-{arguments.get('name', '')}",
        }


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What the program registered, by logical name, and what it exported."""

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]

    def inputs(self, name: str) -> Mapping[str, Any]:
        return self.resources[name].inputs

    def of_type(self, suffix: str) -> list[Resource]:
        return [r for r in self.resources.values() if r.type.endswith(f":{suffix}")]

    def leaves(self) -> dict[str, Any]:
        """Every input of every resource, by `resource.property.path`."""
        found: dict[str, Any] = {}
        for name, resource in self.resources.items():
            found.update(_leaves(name, resource.inputs))
        return found


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(f"{path}.{place}", item)
    else:
        yield path, value


@pytest.fixture(scope="session")
def package_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package as small as can be."""
    path = tmp_path_factory.mktemp("package") / "functions.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambdas/process_stream/handler.py", "def handler(event, context): ...\n")
    return path


@pytest.fixture(scope="session")
def provider() -> Provider:
    """The provider of all tests: its service models are read once."""
    return CheckedOnly(TYPES, INVOKES, endpoint="http://127.0.0.1:9", region=REGION)


@pytest.fixture(scope="session")
def register(
    provider: Provider, package_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Registered]:
    """Run the program under settings, from an empty state; the same settings run once."""
    folder = tmp_path_factory.mktemp("states")

    @cache
    def run(settings: frozenset[tuple[str, str]], stack: str) -> Registered:
        state = State(
            folder / f"{stack}-{len(list(folder.iterdir()))}.json", stack=stack, region=REGION
        )
        outputs = run_program(
            provider,
            LocalStack(provider, state, lambda _: None),
            {"package_file": str(package_file), **dict(settings)},
            stack=stack,
            region=REGION,
        )
        return Registered(resources={r.name: r for r in state.resources}, outputs=outputs)

    def registered(settings: Mapping[str, str] | None = None, *, stack: str = "dev") -> Registered:
        return run(frozenset((settings or {}).items()), stack)

    return registered


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is made, or would be, during a test."""
    names: list[str] = []
    check = CheckedOnly.check

    def noted(self: CheckedOnly, token: str, name: str, inputs: Mapping[str, Any]) -> None:
        names.append(name)
        check(self, token, name, inputs)

    monkeypatch.setattr(CheckedOnly, "check", noted)
    return names


def stack_settings(stack: str) -> dict[str, str]:
    """The settings of a committed stack file, as Pulumi hands them over: texts."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {
        key.removeprefix("sluice:"): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in config.items()
        if key.startswith("sluice:")
    }


@pytest.fixture
def settings_of_stack() -> Callable[[str], dict[str, str]]:
    return stack_settings


@pytest.fixture(scope="session")
def published() -> Mapping[str, frozenset[str]]:
    """Every metric that a rule or widget may name: AWS's by the page that lists it, and ours."""
    ours = {metric.name for metric in (*CATALOGUE, *MEASURES)}
    return {
        # Kinesis developer guide, "Monitor the Amazon Kinesis Data Streams service with CloudWatch"
        "AWS/Kinesis": frozenset(
            {
                "GetRecords.Bytes",
                "GetRecords.IteratorAgeMilliseconds",
                "GetRecords.Records",
                "IncomingBytes",
                "IncomingRecords",
                "ReadProvisionedThroughputExceeded",
                "WriteProvisionedThroughputExceeded",
            }
        ),
        # Lambda developer guide, "Types of metrics for Lambda functions"
        "AWS/Lambda": frozenset(
            {
                "Duration",
                "Errors",
                "Invocations",
                "IteratorAge",
                "OnFailureDestinationDeliveredEventCount",
                "Throttles",
            }
        ),
        # DynamoDB developer guide, "DynamoDB metrics and dimensions"; by TableName alone
        "AWS/DynamoDB": frozenset(
            {
                "ConsumedReadCapacityUnits",
                "ConsumedWriteCapacityUnits",
                "ReadThrottleEvents",
                "TransactionConflict",
                "WriteThrottleEvents",
            }
        ),
        # ECS developer guide, "Amazon ECS CloudWatch metrics"; by ClusterName and ServiceName
        "AWS/ECS": frozenset({"CPUUtilization", "MemoryUtilization"}),
        # MSK developer guide, "CloudWatch metrics for Standard brokers"; by Cluster Name, the last
        # by Broker ID besides
        "AWS/Kafka": frozenset(
            {"ActiveControllerCount", "OfflinePartitionsCount", "KafkaDataLogsDiskUsed"}
        ),
        METRICS_NAMESPACE: frozenset(ours),
    }


STACKS = ("dev", "staging", "prod")


@pytest.fixture(params=STACKS)
def registered(
    request: pytest.FixtureRequest,
    register: Callable[..., Any],
    settings_of_stack: Callable[[str], dict[str, str]],
) -> Any:
    """One of the committed stacks, as the program registers it."""
    return register({**settings_of_stack(request.param), "package": "local"}, stack=request.param)

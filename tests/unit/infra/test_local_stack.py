"""Creation, change, replacement and deletion, in the order that Pulumi's engine keeps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import deploy
from infra.local.monitor import LocalMonitor
from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.errors import ProviderError
from infra.local.provider.interpreter import Provider
from infra.local.provider.made import Made
from infra.local.stack import LocalStack
from infra.local.state import Resource, State
from pipeline.errors import UserError

URN = "urn:pulumi:dev::sluice::type::"


class Recorded(Provider):
    """Remembers the order in which resources are made and deleted."""

    def __init__(self) -> None:
        super().__init__(TYPES, INVOKES, endpoint="http://127.0.0.1:9", region="us-east-1")
        self.steps: list[str] = []

    def create(self, token: str, name: str, inputs: Mapping[str, Any], **_: Any) -> Made:
        self.steps.append(f"+{name}")
        return Made(id=f"{name}-id", outputs={})

    def update(self, token: str, name: str, *_: Any) -> Made:
        self.steps.append(f"~{name}")
        return Made(id=f"{name}-id", outputs={})

    def delete(self, token: str, name: str, inputs: Any, made: Made, *, forced: bool) -> None:
        self.steps.append(f"-{name}")

    def locate(self, token: str, name: str, inputs: Any) -> str:
        return ""


def _resource(name: str, token: str, inputs: dict[str, Any], **of: str) -> Resource:
    """`of` says of which resource an input was made."""
    return Resource(
        urn=URN + name,
        type=token,
        status="creating",
        inputs=inputs,
        dependencies={key: [URN + source] for key, source in of.items()},
        after=tuple(URN + source for source in of.values()),
    )


TABLE = _resource(
    "table",
    "aws:dynamodb/table:Table",
    {
        "name": "t",
        "hashKey": "pk",
        "attributes": [{"name": "pk", "type": "S"}],
        "billingMode": "PAY_PER_REQUEST",
    },
)
BUCKET = _resource("bucket", "aws:s3/bucket:Bucket", {"bucket": "one"})
POLICY = _resource(
    "policy", "aws:s3/bucketPolicy:BucketPolicy", {"bucket": "one", "policy": "{}"}, bucket="bucket"
)
ALARM = _resource(
    "alarm",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    {"name": "a", "evaluationPeriods": 1, "comparisonOperator": "GreaterThanThreshold"},
    alarmDescription="bucket",
)


@pytest.fixture
def provider() -> Recorded:
    return Recorded()


@pytest.fixture
def update(provider: Recorded, tmp_path: Path) -> Callable[..., list[str]]:
    """Run one update of a program that registers these resources; return its steps."""

    def run(*resources: Resource) -> list[str]:
        provider.steps = []
        stack = LocalStack(provider, _state(tmp_path), lambda _: None)
        for resource in resources:
            stack.register(resource)
        stack.finish()
        return provider.steps

    return run


def _state(folder: Path) -> State:
    return State(folder / "state.json", stack="dev", region="us-east-1")


def test_what_is_new_is_made_and_what_is_gone_is_deleted(
    update: Callable[..., list[str]],
) -> None:
    assert update(BUCKET, POLICY, ALARM) == ["+bucket", "+policy", "+alarm"]
    assert update(BUCKET, POLICY, ALARM) == []
    assert update(BUCKET) == ["-alarm", "-policy"]


def test_an_ignored_input_stays_what_it_was_made_with(provider: Recorded, tmp_path: Path) -> None:
    state = _state(tmp_path)
    stack = LocalStack(provider, state, lambda _: None)
    stack.register(ALARM, ignored=("evaluationPeriods", "threshold"))
    moved = {**ALARM.inputs, "evaluationPeriods": 2, "threshold": 1.0}
    provider.steps = []
    LocalStack(provider, state, lambda _: None).register(
        replace(ALARM, inputs=moved), ignored=("evaluationPeriods", "threshold")
    )
    assert provider.steps == []
    assert state.resources[0].inputs == ALARM.inputs
    LocalStack(provider, state, lambda _: None).register(replace(ALARM, inputs=moved))
    assert provider.steps == ["~alarm"]


def test_a_replacement_under_the_same_name_deletes_first(
    update: Callable[..., list[str]],
) -> None:
    update(TABLE)
    keyed = {**TABLE.inputs, "hashKey": "id", "attributes": [{"name": "id", "type": "S"}]}
    assert update(replace(TABLE, inputs=keyed)) == ["-table", "+table"]


def test_a_replacement_under_another_name_deletes_when_nothing_refers_to_it(
    update: Callable[..., list[str]],
) -> None:
    update(BUCKET, POLICY)
    moved = replace(BUCKET, inputs={"bucket": "two"})
    follows = replace(POLICY, inputs={"bucket": "two", "policy": "{}"})
    steps = update(moved, follows)
    assert steps == ["+bucket", "+policy", "-policy", "-bucket"]


def test_what_cannot_outlive_a_replaced_resource_goes_with_it(
    update: Callable[..., list[str]],
) -> None:
    reads = _resource(
        "mapping",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        {"functionName": "f", "eventSourceArn": "a", "startingPosition": "LATEST"},
        eventSourceArn="table",
    )
    survives = _resource("alarm", ALARM.type, dict(ALARM.inputs), alarmDescription="table")
    update(TABLE, reads, survives)
    keyed = {**TABLE.inputs, "hashKey": "id", "attributes": [{"name": "id", "type": "S"}]}
    steps = update(replace(TABLE, inputs=keyed), reads, survives)
    assert steps == ["-mapping", "-table", "+table", "+mapping"]


def test_protected_resources_are_neither_replaced_nor_deleted_by_an_update(
    update: Callable[..., list[str]],
) -> None:
    kept = replace(TABLE, protect=True)
    update(kept)
    with pytest.raises(ProviderError, match="table is protected and would be replaced"):
        update(replace(kept, inputs={**kept.inputs, "hashKey": "id"}))
    with pytest.raises(ProviderError, match="table is protected and would be deleted"):
        update(BUCKET)


def test_a_state_of_another_stack_or_region_is_refused(tmp_path: Path) -> None:
    _state(tmp_path).write()
    for stack, region in (("prod", "us-east-1"), ("dev", "eu-west-1")):
        with pytest.raises(UserError, match="take that one down first"):
            State(tmp_path / "state.json", stack=stack, region=region)


@given(
    after=st.lists(st.sets(st.integers(0, 9)), min_size=10, max_size=10),
    order=st.permutations(range(10)),
)
def test_a_resource_is_deleted_before_all_that_it_was_made_after(
    after: list[set[int]], order: list[int]
) -> None:
    state = State(Path("never-written.json"), stack="dev", region="us-east-1")
    resources = [
        replace(
            BUCKET,
            urn=f"{URN}{number}",
            status="created",
            after=tuple(f"{URN}{other}" for other in after[number] if other < number),
        )
        for number in range(10)
    ]
    state.resources = [resources[number] for number in order]
    deleted = [resource.urn for resource in state.dependents_first()]
    assert sorted(deleted) == sorted(r.urn for r in resources)
    for resource in resources:
        for needed in resource.after:
            assert deleted.index(resource.urn) < deleted.index(needed)


def _run(program: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    provider = Recorded()
    monkeypatch.setattr(deploy, "_execute", program)
    stack = LocalStack(provider, _state(tmp_path), lambda _: None)
    return deploy.run_program(provider, stack, {}, stack="dev", region="us-east-1")


def test_an_output_that_never_became_a_value_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def program() -> None:
        pulumi.export("ready", "yes")
        pulumi.export("lost", pulumi.Output.from_input(None))

    with pytest.raises(UserError, match="outputs that never became a value: lost"):
        _run(program, monkeypatch, tmp_path)


def test_an_unknown_input_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def program() -> None:
        from pulumi_aws import kinesis

        unknown = pulumi.Output.from_input(pulumi.output.UNKNOWN)
        kinesis.Stream("events", name=unknown, shard_count=1)

    with pytest.raises(UserError, match=r"events\.name never became a value"):
        _run(program, monkeypatch, tmp_path)


def test_the_programs_own_defects_come_out_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def program() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _run(program, monkeypatch, tmp_path)


def test_runs_share_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[str | None] = []

    def program() -> None:
        seen.append(pulumi.Config("sluice").get("log_days"))
        pulumi.export("days", "some")

    for settings in ({"log_days": "7"}, {}):
        monkeypatch.setattr(deploy, "_execute", program)
        provider = Recorded()
        stack = LocalStack(provider, _state(tmp_path), lambda _: None)
        deploy.run_program(provider, stack, settings, stack="dev", region="us-east-1")
    assert seen == ["7", None]
    assert pulumi.runtime.settings.get_root_resource() is None


def test_a_monitor_answers_functions_as_the_provider_does(tmp_path: Path) -> None:
    provider = Recorded()
    monitor = LocalMonitor(provider, LocalStack(provider, _state(tmp_path), lambda _: None))
    assert monitor.mocks.call(
        pulumi.runtime.MockCallArgs("aws:index/getRegion:getRegion", {}, "")
    ) == ({"region": "us-east-1", "id": "us-east-1", "name": "us-east-1"}, None)

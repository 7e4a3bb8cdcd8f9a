"""The program run in process registers what it registers under the real engine."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.local import deploy
from infra.local.state import State

UP = ("up", "--yes", "--skip-preview")
STACKS = {
    "on Kinesis": {
        "network": "private",
        "shard_utilization_percent": "60",
        "shard_count_max": "4",
    },
    "on Kafka": {
        "stream": "kafka",
        "worker_image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1",
    },
}
ASSIGNED = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<=/)[0-9a-f]{8}(?:-[0-9a-f]{4})?(?:-\d+)?\b"
    r"|\b[a-z]+-[0-9a-f]{17}\b"
    r"|(?<=:task-definition/)[\w-]+:\d+"
)
"""What the services assign: ids of keys, mappings, clusters and parts of a network, revisions."""


def normal(value: Any) -> Any:
    """A value with what the services assigned, and where files lie, put out of sight."""
    if isinstance(value, dict):
        if "path" in value and ("hash" in value or "sha256" in value):
            return {"file": value.get("hash") or value["sha256"]}
        kept = ((key, item) for key, item in value.items() if item is not None)
        return {key: normal(item) for key, item in kept if not key.startswith("__")}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return ASSIGNED.sub("<id>", value) if isinstance(value, str) else value


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


@pytest.fixture(scope="module", params=STACKS)
def registered(
    request: pytest.FixtureRequest,
    engine: Any,
    aws: Any,
    package_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[tuple[str, str], Any], dict[tuple[str, str], Any]]:
    """Inputs by type and name, as the engine has them and as the in-process run has them."""
    settings = {"package_file": str(package_file), **STACKS[request.param]}
    engine("stack", "select", "--create", "both")
    (engine.folder / "Pulumi.both.yaml").write_text(
        f"config:\n  aws:region: {aws.region}\n"
        "  sluice:retain_data: false\n  sluice:destroy_data: true\n"
    )
    for name, value in settings.items():
        engine.set(f"sluice:{name}", value, stack="both")
    engine(*UP, stack="both")
    of_engine = {
        (type_of(each["urn"]), name_of(each["urn"])): normal(each["inputs"])
        for each in engine.state(stack="both")["deployment"]["resources"]
        if each.get("custom") and type_of(each["urn"]).startswith("aws:")
    }
    engine("destroy", "--yes", "--skip-preview", stack="both")
    state_file = tmp_path_factory.mktemp("state") / "state.json"
    where = {"endpoint": aws.endpoint, "region": aws.region}
    deploy.up(
        settings,
        stack="both",
        state_file=state_file,
        on_event=lambda _: None,
        **where,
    )
    resources = State(state_file, stack="both", region=aws.region).resources
    in_process = {(each.type, each.name): normal(dict(each.inputs)) for each in resources}
    deploy.down(state_file=state_file, on_event=lambda _: None, **where)
    return of_engine, in_process


def test_both_register_the_same_resources(registered: Any) -> None:
    of_engine, in_process = registered
    assert set(in_process) == set(of_engine)
    assert len(of_engine) > 50


def test_both_give_them_the_same_inputs(registered: Any) -> None:
    of_engine, in_process = registered
    different = {
        key: {
            name: (in_process[key].get(name), inputs.get(name))
            for name in {*in_process[key], *inputs}
            if in_process[key].get(name) != inputs.get(name)
        }
        for key, inputs in of_engine.items()
    }
    assert {key: found for key, found in different.items() if found} == {}

"""What holds data keeps its URN, or says under which one it was known: else a deploy deletes it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from infra.local import deploy
from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.interpreter import Provider
from infra.local.provider.made import Made
from infra.local.stack import LocalStack
from infra.local.state import Resource, State
from tests.unit.infra.policy.rules_data import DATA

HOLDING = frozenset(
    {
        "aws:dynamodb/table:Table",
        "aws:ebs/volume:Volume",
        "aws:kinesis/stream:Stream",
        "aws:kms/key:Key",
        "aws:msk/cluster:Cluster",
        "aws:msk/serverlessCluster:ServerlessCluster",
        "aws:msk/topic:Topic",
        "aws:s3/bucket:Bucket",
    }
)
"""Types whose deletion loses records, rows, objects, or the key to all of them."""

EVERYWHERE = frozenset(
    {
        "sluice:encryption:Encryption$aws:kms/key:Key::encryption",
        "sluice:lake:Lake$aws:s3/bucket:Bucket::lake",
        "sluice:ledger:Ledger$aws:dynamodb/table:Table::ledger",
    }
)
ON_KINESIS = EVERYWHERE | {"sluice:stream:KinesisStream$aws:kinesis/stream:Stream::stream"}
ON_BROKERS: Mapping[str, tuple[Mapping[str, str], frozenset[str]]] = {
    "MSK": (
        {"stream": "kafka"},
        EVERYWHERE
        | {
            "sluice:stream:KafkaStream$aws:msk/cluster:Cluster::stream",
            "sluice:stream:KafkaStream$aws:msk/topic:Topic::stream-topic",
        },
    ),
    "MSK Serverless": (
        {"stream": "kafka", "kafka_cluster": "serverless"},
        EVERYWHERE
        | {"sluice:stream:KafkaStream$aws:msk/serverlessCluster:ServerlessCluster::stream"},
    ),
    "Pulsar": (
        {"stream": "pulsar"},
        EVERYWHERE
        | {"sluice:stream:PulsarBucket$aws:s3/bucket:Bucket::brokers"}
        | {
            f"sluice:stream:PulsarStream$aws:ebs/volume:Volume::stream-{volume}"
            for zone in (1, 2, 3)
            for volume in (
                f"metadata-{zone}-data",
                *(f"bookie-{zone}-{n}-{what}" for n in (1, 2) for what in ("journal", "ledgers")),
            )
        },
    ),
}
"""Every URN, without its stack, under which a stack has ever held data, by what its events wait
in: add, never take away."""


def without_stack(urn: str) -> str:
    return "::".join(urn.split("::")[2:])


def unaccounted(
    resources: Iterable[Resource], recorded: frozenset[str] = ON_KINESIS
) -> tuple[set[str], set[str]]:
    """Return the recorded URNs that nobody goes on with, and the new ones that nobody recorded."""
    holding = [each for each in resources if each.type in HOLDING]
    now = {without_stack(each.urn) for each in holding}
    then = {without_stack(urn) for each in holding for urn in each.formerly}
    return set(recorded) - now - then, now - recorded


def test_all_that_ever_held_data_is_still_there_or_has_an_alias(registered: Any) -> None:
    assert unaccounted(registered.resources.values()) == (set(), set())


@pytest.mark.parametrize("brokers", ON_BROKERS)
def test_all_that_brokers_ever_kept_is_still_there_or_has_an_alias(
    brokers: str, register: Callable[..., Any]
) -> None:
    settings, recorded = ON_BROKERS[brokers]
    registered = register({**settings, "package": "local"})
    assert unaccounted(registered.resources.values(), recorded) == (set(), set())


def test_every_kind_that_the_rules_call_data_is_watched_for_renames() -> None:
    kinds = {token.rsplit(":", 1)[-1] for token in HOLDING}
    assert kinds == {kind.removeprefix("Msk") for kind in DATA}


def test_a_rename_without_an_alias_is_found(registered: Any) -> None:
    stream = registered.resources["stream"]
    urn = stream.urn.removesuffix("stream") + "events"
    others = [each for name, each in registered.resources.items() if name != "stream"]
    (old,) = unaccounted([*others, replace(stream, urn=urn)])[0]
    assert old == without_stack(stream.urn)
    with_alias = replace(stream, urn=urn, formerly=(stream.urn,))
    assert unaccounted([*others, with_alias]) == (set(), {without_stack(urn)})


class Kept(Provider):
    """Remembers what is made, changed and deleted."""

    def __init__(self) -> None:
        super().__init__(TYPES, INVOKES, endpoint="http://127.0.0.1:9", region="us-east-1")
        self.steps: list[str] = []

    def create(self, token: str, name: str, inputs: Mapping[str, Any], **_: Any) -> Made:
        self.steps.append(f"+{name}")
        return Made(id=f"{name}-id", outputs={})

    def delete(
        self, token: str, name: str, inputs: Any, made: Made, *, forced: bool = False
    ) -> None:
        self.steps.append(f"-{name}")


class Part(pulumi.ComponentResource):
    """A component with a topic of its name, and one inside another component."""

    def __init__(self, kind: str, name: str, *, inner: str, **options: Any) -> None:
        super().__init__(f"t:{kind}:Part", name, None, pulumi.ResourceOptions(**options))
        own = pulumi.ResourceOptions(parent=self)
        aws.sns.Topic(name, name="outer", opts=own)
        box = pulumi.ComponentResource("t:t:Box", f"{name}-box", None, own)
        aws.sns.Topic(inner, name="inner", opts=pulumi.ResourceOptions(parent=box))


@pytest.fixture
def update(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Run an update of a program that makes one part; return its steps."""

    def run(*words: str, **options: Any) -> list[str]:
        kind, name, inner = words
        provider = Kept()
        state = State(tmp_path / "state.json", stack="dev", region="us-east-1")
        stack = LocalStack(provider, state, lambda _: None)
        monkeypatch.setattr(deploy, "_execute", lambda: Part(kind, name, inner=inner, **options))
        deploy.run_program(provider, stack, {}, stack="dev", region="us-east-1")
        stack.finish()
        return provider.steps

    return run


@pytest.mark.parametrize(
    ("words", "alias"),
    [
        pytest.param(("a", "new", "inner"), pulumi.Alias(name="old"), id="another name"),
        pytest.param(("b", "old", "inner"), pulumi.Alias(type_="t:a:Part"), id="another type"),
        pytest.param(("b", "new", "inner"), pulumi.Alias(name="old", type_="t:a:Part"), id="both"),
        pytest.param(("a", "new", "inner"), "urn:pulumi:dev::sluice::t:a:Part::old", id="a URN"),
    ],
)
def test_a_renamed_component_keeps_all_that_is_in_it(
    update: Callable[..., list[str]], words: tuple[str, ...], alias: Any
) -> None:
    assert update("a", "old", "inner") == ["+old", "+inner"]
    assert update(*words, aliases=[alias]) == []
    assert update(*words) == []


def test_a_renamed_component_without_an_alias_loses_what_is_in_it(
    update: Callable[..., list[str]],
) -> None:
    update("a", "old", "inner")
    assert "-old" in update("a", "new", "inner")

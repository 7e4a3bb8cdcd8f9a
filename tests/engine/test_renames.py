"""A component that is renamed with an alias keeps its data under the real engine."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

UP = ("up", "--yes", "--skip-preview")
STREAM = 'KinesisStream(\n            "stream",'
RENAMED = STREAM.replace('"stream"', '"events"')
ARGUMENTS_END = "                retain=settings.retain_data,\n            ),\n"
ALIAS = '            pulumi.ResourceOptions(aliases=[pulumi.Alias(name="stream")]),\n'


@pytest.fixture(scope="module")
def stack(engine: Any, aws: Any, package_file: Any) -> Iterator[Any]:
    """A stack that is up."""
    engine("stack", "init", "renaming")
    shutil.copy(engine.folder / "Pulumi.dev.yaml", engine.folder / "Pulumi.renaming.yaml")
    engine("config", "set", "aws:region", aws.region, stack="renaming")
    engine.set("sluice:package_file", str(package_file), stack="renaming")
    engine(*UP, stack="renaming")
    yield engine
    engine("destroy", "--yes", "--skip-preview", stack="renaming")


@pytest.fixture
def renamed(stack: Any) -> Iterator[Callable[[str], Any]]:
    """The stack under a program whose stream has another name, and this after its arguments."""
    program = stack.folder / "infra"
    own = program.resolve()
    program.unlink()
    shutil.copytree(own, program, ignore=shutil.ignore_patterns("__pycache__"))

    def under(options: str) -> Any:
        source = own / "deployments" / "kinesis.py"
        text = source.read_text(encoding="utf-8")
        assert (text.count(STREAM), text.count(ARGUMENTS_END)) == (1, 1)
        text = text.replace(STREAM, RENAMED).replace(ARGUMENTS_END, ARGUMENTS_END + options)
        (program / "deployments" / "kinesis.py").write_text(text, encoding="utf-8")
        return replace(stack, environment={**stack.environment, "PYTHONPATH": str(stack.folder)})

    yield under
    shutil.rmtree(program)
    program.symlink_to(own)


def test_a_rename_without_an_alias_would_delete_the_stream(renamed: Callable[[str], Any]) -> None:
    steps = renamed("")("preview", stack="renaming").steps
    assert steps["delete"] >= 1
    assert steps["create"] >= 1


def test_a_rename_with_an_alias_deletes_and_replaces_nothing(
    renamed: Callable[[str], Any], client: Callable[[str], Any]
) -> None:
    engine = renamed(ALIAS)
    name = engine.outputs(stack="renaming")["stream_name"]
    put = client("kinesis").put_record(StreamName=name, Data=b"kept", PartitionKey="k")
    steps = engine(*UP, stack="renaming").steps
    assert not {"created", "deleted", "replaced"} & set(steps)
    iterator = client("kinesis").get_shard_iterator(
        StreamName=name,
        ShardId=put["ShardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
    )["ShardIterator"]
    records = client("kinesis").get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"kept"]
    urns = [each["urn"] for each in engine.state(stack="renaming")["deployment"]["resources"]]
    assert [urn for urn in urns if urn.endswith("KinesisStream$aws:kinesis/stream:Stream::events")]

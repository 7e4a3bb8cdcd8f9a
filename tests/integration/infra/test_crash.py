"""An update that dies anywhere leaves a state from which the next one finishes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local import supervisor
from infra.local.provider.interpreter import Provider
from infra.local.state import Resource, State


class Crash(RuntimeError):
    """The process is gone."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Crash an update as it is about to record a resource: its id, or that it is made."""

    def crash(stack: Any, name: str, *, at: str) -> None:
        put = State.put

        def record(self: State, resource: Resource) -> None:
            known = resource.id if at == "id" else resource.status == "created"
            if resource.name == name and known:
                raise Crash
            put(self, resource)

        with monkeypatch.context() as patched:
            patched.setattr(State, "put", record)
            with pytest.raises(Crash):
                stack.up()

    return crash


def test_the_next_update_finishes_after_each_of_many_crashes(
    deployment: Callable[[str], Any],
    dying: Callable[..., Any],
    client: Callable[[str], Any],
) -> None:
    stack = deployment("crashing")
    dying(stack, "encryption", at="created")
    # Named by us, so the answer that was never recorded is found again by its name ...
    for name in ("stream", "processing-alias"):
        dying(stack, name, at="id")
    # ... or looked for, where AWS names it.
    dying(stack, "processing-mapping", at="id")
    dying(stack, "alarms-iterator-age", at="created")
    outputs = stack.up()
    mappings = client("lambda").list_event_source_mappings(FunctionName=outputs["function_name"])
    assert [m["UUID"] for m in mappings["EventSourceMappings"]] == [outputs["mapping_uuid"]]
    assert stack.up() == outputs
    assert stack.events == []


def test_the_second_steps_of_a_creation_are_made_up_for(
    deployment: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    client: Callable[[str], Any],
) -> None:
    stack = deployment("halfway")
    finished = Provider._finished

    def dying(self: Provider, resource_type: Any, scope: Any, name: str) -> Any:
        if name in ("stream", "encryption"):
            raise Crash
        return finished(self, resource_type, scope, name)

    with monkeypatch.context() as patched:
        patched.setattr(Provider, "_finished", dying)
        with pytest.raises(Crash):
            stack.up()
    outputs = stack.up()
    summary = client("kinesis").describe_stream_summary(StreamName=outputs["stream_name"])
    assert summary["StreamDescriptionSummary"]["EncryptionType"] == "KMS"
    assert client("kms").get_key_rotation_status(KeyId=outputs["key_arn"])["KeyRotationEnabled"]


def test_an_unfinished_creation_of_something_else_is_begun_again(
    deployment: Callable[[str], Any],
    dying: Callable[..., Any],
    client: Callable[[str], Any],
) -> None:
    stack = deployment("otherwise")
    dying(stack, "stream", at="id")
    outputs = stack.up(shard_count="3")
    summary = client("kinesis").describe_stream_summary(StreamName=outputs["stream_name"])
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 3


def test_down_deletes_what_was_made_and_never_recorded(
    deployment: Callable[[str], Any],
    dying: Callable[..., Any],
    client: Callable[[str], Any],
) -> None:
    stack = deployment("unrecorded")
    dying(stack, "stream", at="id")
    assert "sluice-unrecorded-events" in client("kinesis").list_streams()["StreamNames"]
    stack.down()
    assert "sluice-unrecorded-events" not in client("kinesis").list_streams()["StreamNames"]
    assert not stack.state_file.exists()


def test_an_update_that_failed_half_way_can_be_taken_down(
    deployment: Callable[[str], Any], dying: Callable[..., Any]
) -> None:
    stack = deployment("partly")
    stack.up()
    dying(stack, "lake", at="created")
    stack.down()
    assert not stack.state_file.exists()


def test_an_embedded_aws_that_was_started_anew_gets_everything_again(
    deployment: Callable[[str], Any], tmp_path: Path
) -> None:
    stack = deployment("restarted")
    before = stack.up()
    folder = tmp_path / "another"
    stack.endpoint = supervisor.start(folder).endpoint
    try:
        after = stack.up()
        assert "the embedded AWS was started anew: making everything again" in stack.events
        assert after["mapping_uuid"] != before["mapping_uuid"]
        assert stack.up() == after
        assert stack.events == []
    finally:
        supervisor.stop(folder)
        stack.state_file.unlink()

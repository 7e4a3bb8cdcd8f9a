"""What a change does under the real engine: in place, by replacement, over drift and failure."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.documents import ROOT, settings_given
from tests.waiting import until

UP = ("up", "--yes", "--skip-preview")
REFUSED = 1
INTERRUPTED_SECONDS_MAX = 900.0
SWITCHES = ("retain_data", "destroy_data")


@pytest.fixture(scope="module")
def stack(engine: Any, aws: Any, package_file: Any) -> Any:
    """A stack that is up."""
    engine("stack", "init", "changing")
    shutil.copy(engine.folder / "Pulumi.dev.yaml", engine.folder / "Pulumi.changing.yaml")
    engine("config", "set", "aws:region", aws.region, stack="changing")
    engine.set("sluice:package_file", str(package_file), stack="changing")
    engine(*UP, stack="changing")
    return engine


def stream(client: Callable[[str], Any], outputs: dict[str, Any]) -> dict[str, Any]:
    """What Kinesis says of the stack's stream."""
    answer = client("kinesis").describe_stream_summary(StreamName=outputs["stream_name"])
    described: dict[str, Any] = answer["StreamDescriptionSummary"]
    return described


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("retention_hours", 48, "RetentionPeriodHours"), ("shard_count", 2, "OpenShardCount")],
)
def test_a_setting_of_the_stream_changes_in_place(
    stack: Any, client: Callable[[str], Any], key: str, value: int, told: str
) -> None:
    before = stream(client, stack.outputs(stack="changing"))
    stack.set(f"sluice:{key}", str(value), stack="changing")
    steps = stack(*UP, stack="changing").steps
    assert "replaced" not in steps
    assert steps["updated"] >= 1
    after = stream(client, stack.outputs(stack="changing"))
    assert after[told] == value
    assert after["StreamCreationTimestamp"] == before["StreamCreationTimestamp"]


def test_a_stream_goes_on_demand_in_place(stack: Any, client: Callable[[str], Any]) -> None:
    before = stream(client, stack.outputs(stack="changing"))
    stack("config", "rm", "sluice:shard_count", stack="changing")
    stack.set("sluice:stream_mode", "on_demand", stack="changing")
    assert "replaced" not in stack(*UP, stack="changing").steps
    after = stream(client, stack.outputs(stack="changing"))
    assert after["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert after["StreamCreationTimestamp"] == before["StreamCreationTimestamp"]


def test_another_key_of_the_ledger_replaces_it(stack: Any) -> None:
    program = stack.folder / "infra"
    own = program.resolve()
    program.unlink()
    shutil.copytree(own, program, ignore=shutil.ignore_patterns("__pycache__"))
    ledger = program / "ledger.py"
    ledger.write_text(ledger.read_text().replace('SORT_KEY: Final = "sk"', 'SORT_KEY: Final = "k"'))
    changed = replace(stack, environment={**stack.environment, "PYTHONPATH": str(stack.folder)})
    try:
        said = changed("preview", "--diff", stack="changing").text
    finally:
        shutil.rmtree(program)
        program.symlink_to(own)
    assert "+-aws:dynamodb/table:Table: (replace)" in said


def test_drift_is_seen_and_undone(stack: Any, client: Callable[[str], Any]) -> None:
    outputs = stack.outputs(stack="changing")
    client("kinesis").increase_stream_retention_period(
        StreamName=outputs["stream_name"], RetentionPeriodHours=96
    )
    client("lambda").update_function_configuration(
        FunctionName=outputs["function_name"], MemorySize=3000
    )
    seen = stack("preview", "--refresh", "--diff", stack="changing").text
    assert "retentionPeriod" in seen
    assert "memorySize" in seen
    assert stack(*UP, "--refresh", stack="changing").steps["updated"] >= 2
    assert stream(client, outputs)["RetentionPeriodHours"] == 48
    function = client("lambda").get_function(FunctionName=outputs["function_name"])
    assert function["Configuration"]["MemorySize"] == 1769


def test_what_was_deleted_behind_its_back_is_made_again(
    stack: Any, client: Callable[[str], Any]
) -> None:
    group = f"/aws/lambda/{stack.outputs(stack='changing')['function_name']}"
    client("logs").delete_log_group(logGroupName=group)
    assert stack(*UP, "--refresh", stack="changing").steps["created"] == 1
    found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [(each["logGroupName"], each["retentionInDays"]) for each in found] == [(group, 30)]


def test_an_existing_bucket_is_adopted(stack: Any, client: Callable[[str], Any]) -> None:
    client("s3").create_bucket(Bucket="somebody-s-own")
    client("s3").put_object(Bucket="somebody-s-own", Key="kept", Body=b"as it was")
    words = ("import", "aws:s3/bucket:Bucket", "adopted", "somebody-s-own")
    options = ("--yes", "--skip-preview", "--protect=false", "--generate-code=false")
    assert stack(*words, *options, stack="changing").steps["imported"] == 1
    adopted = [
        resource
        for resource in stack.state(stack="changing")["deployment"]["resources"]
        if resource["urn"].endswith("::adopted")
    ]
    assert [(each["id"], each["inputs"]["bucket"]) for each in adopted] == [
        ("somebody-s-own", "somebody-s-own")
    ]
    stack("state", "delete", adopted[0]["urn"], "--yes", stack="changing")
    kept = client("s3").get_object(Bucket="somebody-s-own", Key="kept")["Body"].read()
    assert kept == b"as it was"
    client("s3").delete_object(Bucket="somebody-s-own", Key="kept")
    client("s3").delete_bucket(Bucket="somebody-s-own")


def switch(stack: Any, values: Mapping[str, str]) -> None:
    """Set some settings."""
    for key, value in values.items():
        stack.set(key, value, stack="changing")


def test_data_is_destroyed_only_when_both_settings_say_so(
    stack: Any, client: Callable[[str], Any]
) -> None:
    bucket = stack.outputs(stack="changing")["lake_bucket"]
    client("s3").put_object(Bucket=bucket, Key="lake/x", Body=b"a row")
    prod = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]
    as_in_prod = {f"sluice:{key}": str(prod[f"sluice:{key}"]).lower() for key in SWITCHES}
    switch(stack, as_in_prod)
    stack(*UP, stack="changing")
    refused = stack("destroy", "--yes", "--skip-preview", code=REFUSED, stack="changing").text
    assert "protect" in refused
    switch(stack, {"sluice:retain_data": "false"})
    stack(*UP, stack="changing")
    refused = stack("destroy", "--yes", "--skip-preview", code=REFUSED, stack="changing").text
    assert "BucketNotEmpty" in refused or "protected against deletion" in refused
    assert client("s3").get_object(Bucket=bucket, Key="lake/x")["Body"].read() == b"a row"
    runbook = settings_given("teardown", "Destroy everything")
    switch(stack, as_in_prod | {f"sluice:{key}": value for key, value in runbook.items()})
    stack(*UP, stack="changing")
    stack("destroy", "--yes", "--skip-preview", stack="changing")
    assert bucket not in [each["Name"] for each in client("s3").list_buckets()["Buckets"]]
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("kinesis").list_streams()["StreamNames"] == []


def test_a_failure_half_way_is_finished_by_the_next_up(
    stack: Any, client: Callable[[str], Any]
) -> None:
    client("kinesis").create_stream(StreamName="sluice-changing-events", ShardCount=1)
    failed = stack(*UP, code=REFUSED, stack="changing")
    assert "sluice-changing-events" in failed.text
    (said,) = set(re.findall(r"\w+(?:Exception|AlreadyOwnedByYou)", failed.text))
    assert f"`{said}`" in (ROOT / "docs" / "troubleshooting.md").read_text()
    client("kinesis").delete_stream(StreamName="sluice-changing-events")
    client("kinesis").get_waiter("stream_not_exists").wait(StreamName="sluice-changing-events")
    assert stack(*UP, stack="changing").steps["created"] >= 1
    assert set(stack(*UP, stack="changing").steps) == {"unchanged"}
    stack("destroy", "--yes", "--skip-preview", stack="changing")


def test_an_interrupted_up_is_finished_by_the_next_one(
    stack: Any, client: Callable[[str], Any]
) -> None:
    running = stack.start(*UP, stack="changing")
    until(
        lambda: "sluice-changing-lake" in str(client("s3").list_buckets()["Buckets"]),
        seconds_max=INTERRUPTED_SECONDS_MAX,
    )
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the program is told as well
    text, _ = running.communicate(timeout=INTERRUPTED_SECONDS_MAX)
    assert running.returncode != 0, text
    stack(*UP, stack="changing")
    assert set(stack(*UP, stack="changing").steps) == {"unchanged"}
    stack("destroy", "--yes", "--skip-preview", stack="changing")
    assert "sluice-changing" not in str(client("s3").list_buckets()["Buckets"])

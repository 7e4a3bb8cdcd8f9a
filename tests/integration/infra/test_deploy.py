"""The program on the embedded AWS: made, unchanged, changed in place, replaced, gone."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local import deploy
from pipeline.errors import UserError

READING = ("get_", "describe_", "list_")


def test_the_stream_is_encrypted_and_keeps_records_a_day(
    stack: Any, client: Callable[[str], Any]
) -> None:
    found = client("kinesis").describe_stream_summary(StreamName=stack.outputs["stream_name"])
    summary = found["StreamDescriptionSummary"]
    assert summary["StreamARN"] == stack.outputs["stream_arn"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (1, 24)
    assert summary["EncryptionType"] == "KMS"
    assert summary["KeyId"] == stack.outputs["key_arn"]


def test_the_key_rotates(stack: Any, client: Callable[[str], Any]) -> None:
    status = client("kms").get_key_rotation_status(KeyId=stack.outputs["key_arn"])
    assert status["KeyRotationEnabled"] is True


def test_the_lake_is_versioned_encrypted_closed_and_tidied(
    stack: Any, client: Callable[[str], Any]
) -> None:
    s3, bucket = client("s3"), stack.outputs["lake_bucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["BucketKeyEnabled"] is True
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {r["Filter"]["Prefix"] for r in rules if "Expiration" in r} == {
        "staging/",
        "ids/",
        "journal/",
    }


def test_the_ledger_is_on_demand_with_recovery_and_expiry(
    stack: Any, client: Callable[[str], Any]
) -> None:
    dynamodb, table = client("dynamodb"), stack.outputs["ledger_table"]
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["pk", "sk"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_s")
    backups = dynamodb.describe_continuous_backups(TableName=table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_mapping_feeds_the_alias(stack: Any, client: Callable[[str], Any]) -> None:
    mapping = client("lambda").get_event_source_mapping(UUID=stack.outputs["mapping_uuid"])
    assert mapping["FunctionArn"].endswith(":live")
    assert mapping["EventSourceArn"] == stack.outputs["stream_arn"]
    assert mapping["State"] == "Enabled"
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (-1, -1)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == f"arn:aws:s3:::{stack.outputs['lake_bucket']}"


def test_every_function_runs_under_its_alias(stack: Any, client: Callable[[str], Any]) -> None:
    kinds = (
        "function_name",
        "sweeper_function_name",
        "probe_function_name",
        "auditor_function_name",
    )
    for name in (stack.outputs[kind] for kind in kinds):
        answer = client("lambda").invoke(FunctionName=name, Qualifier="live", Payload=b"{}")
        assert json.loads(answer["Payload"].read()) == {"version": "1"}


def test_the_sweeper_is_on_a_schedule(stack: Any, client: Callable[[str], Any]) -> None:
    name = stack.outputs["sweeper_function_name"]
    rule = client("events").describe_rule(Name=name)
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = client("events").list_targets_by_rule(Rule=name)["Targets"]
    assert target["Arn"].endswith(f":{name}:live")
    concurrency = client("lambda").get_function_concurrency(FunctionName=name)
    assert concurrency["ReservedConcurrentExecutions"] == 1


def test_the_catalog_has_every_table(stack: Any, client: Callable[[str], Any]) -> None:
    tables = client("glue").get_tables(DatabaseName=stack.outputs["glue_database"])["TableList"]
    assert {t["Name"] for t in tables} == {
        "actions",
        "canaries",
        "departures",
        "plane_changes",
        "quarantine",
    }
    for table in tables:
        assert [key["Name"] for key in table["PartitionKeys"]] == ["dt", "hour"]
        assert table["StorageDescriptor"]["Location"] == (
            f"{stack.outputs['lake_uri']}/{table['Name']}"
        )


def test_logs_are_kept_for_as_long_as_set(stack: Any, client: Callable[[str], Any]) -> None:
    groups = client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/sluice-whole-")
    assert [group["retentionInDays"] for group in groups["logGroups"]] == [30] * 4


def test_outputs_are_remembered(stack: Any) -> None:
    assert deploy.outputs(stack.state_file) == stack.outputs


def test_a_second_update_calls_nothing_that_changes(stack: Any, calls: list[str]) -> None:
    assert stack.up() == stack.outputs
    assert stack.events == []
    assert [call for call in calls if not call.startswith(READING)] == []


def test_changed_settings_are_changed_in_place(stack: Any, client: Callable[[str], Any]) -> None:
    before = stack.up()
    after = stack.up(
        shard_count="2",
        retention_hours="48",
        window_seconds="60",
        batch_size="77",
        log_days="7",
        memory_mb="1024",
    )
    assert after == {**before, "settings": {**before["settings"], **after["settings"]}}
    assert [event for event in stack.events if not event.startswith("~")] == []
    kinesis, functions = client("kinesis"), client("lambda")
    summary = kinesis.describe_stream_summary(StreamName=after["stream_name"])
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert summary["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48
    live = functions.get_function(FunctionName=after["function_name"], Qualifier="live")
    assert live["Configuration"]["Version"] == "2"
    assert live["Configuration"]["Environment"]["Variables"]["SLUICE_WINDOW_SECONDS"] == "60"
    assert live["Configuration"]["MemorySize"] == 1024
    mapping = functions.get_event_source_mapping(UUID=after["mapping_uuid"])
    assert mapping["BatchSize"] == 77

    assert stack.up() == before
    summary = kinesis.describe_stream_summary(StreamName=after["stream_name"])
    assert summary["StreamDescriptionSummary"]["RetentionPeriodHours"] == 24


def test_new_code_is_a_new_version_and_the_old_package_goes(
    stack: Any, client: Callable[[str], Any], package_file: Path, tmp_path: Path
) -> None:
    outputs = stack.up()
    functions, name = client("lambda"), outputs["function_name"]
    old = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    newer = tmp_path / "newer.zip"
    newer.write_bytes(package_file.read_bytes())
    with zipfile.ZipFile(newer, "a") as archive:
        archive.writestr("new.txt", "new")
    assert stack.up(package_file=str(newer)) == outputs
    new = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    assert int(new) == int(old) + 1
    stored = client("s3").list_objects_v2(Bucket=outputs["lake_bucket"], Prefix="code/")
    assert stored["KeyCount"] == 1


def test_a_mapping_that_must_start_elsewhere_is_replaced(
    stack: Any, client: Callable[[str], Any]
) -> None:
    before = stack.up()
    after = stack.up(starting_position="LATEST")
    assert "+- processing-mapping: startingPosition" in stack.events
    assert after["mapping_uuid"] != before["mapping_uuid"]
    mappings = client("lambda").list_event_source_mappings(FunctionName=after["function_name"])
    assert [m["UUID"] for m in mappings["EventSourceMappings"]] == [after["mapping_uuid"]]


def test_what_the_program_no_longer_has_is_deleted(
    stack: Any, client: Callable[[str], Any]
) -> None:
    topic = stack.up(alarm_email="oncall@example.com")["topic_arn"]
    sns = client("sns")
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    stack.up()
    assert "- alarms-email" in stack.events
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_another_key_of_the_ledger_is_another_table(
    stack: Any, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = stack.up()
    monkeypatch.setattr("infra.ledger.SORT_KEY", "position")
    assert stack.up() == outputs
    assert "+- ledger: attributes, rangeKey" in stack.events
    table = client("dynamodb").describe_table(TableName=outputs["ledger_table"])["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "position"]


def test_protected_data_is_not_replaced(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.up(retain_data="true")
    monkeypatch.setattr("infra.ledger.SORT_KEY", "another")
    with pytest.raises(UserError, match=r"ledger is protected and would be replaced.*retain_data"):
        stack.up(retain_data="true")


def test_down_leaves_nothing_behind(stack: Any, client: Callable[[str], Any]) -> None:
    outputs = stack.up(retain_data="true")
    s3 = client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=outputs["lake_bucket"], Key="lake/departures/file", Body=body)
    s3.delete_object(Bucket=outputs["lake_bucket"], Key="lake/departures/file")
    stack.down()
    assert not stack.state_file.exists()
    prefix = "sluice-whole"
    left = {
        "streams": client("kinesis").list_streams()["StreamNames"],
        "buckets": [b["Name"] for b in s3.list_buckets()["Buckets"]],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "functions": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "roles": [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
        "logs": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "rules": [r["Name"] for r in client("events").list_rules()["Rules"]],
        "topics": [t["TopicArn"] for t in client("sns").list_topics()["Topics"]],
        "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "databases": [
            d["Name"].replace("_", "-") for d in client("glue").get_databases()["DatabaseList"]
        ],
        "aliases": [a["AliasName"] for a in client("kms").list_aliases()["Aliases"]],
    }
    assert {k: [n for n in names if prefix in n] for k, names in left.items()} == {
        kind: [] for kind in left
    }
    key = client("kms").describe_key(KeyId=outputs["key_arn"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"


def test_down_of_a_stack_that_is_gone_says_so(deployment: Callable[[str], Any]) -> None:
    with pytest.raises(UserError, match=r"no local stack at .*: nothing to take down"):
        deployment("nowhere").down()


def test_aws_itself_is_never_touched(deployment: Callable[[str], Any]) -> None:
    stack = deployment("faraway")
    stack.endpoint = "https://kinesis.us-east-1.amazonaws.com"
    with pytest.raises(UserError, match="only talks to this machine"):
        stack.up()

"""`pulumi up` on the real engine: nothing at preview, all at up, nothing again, all gone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

REFUSED = 1
PASSWORD = "hunter2-is-secret"


@pytest.fixture(scope="module")
def dev(engine: Any, aws: Any, package_file: Any) -> Any:
    """The stack `dev` of the project's own file, on the embedded AWS."""
    engine("stack", "init", "dev")
    engine.set("aws:region", aws.region)
    engine.set("sluice:package_file", str(package_file))
    return engine


@pytest.fixture(scope="module")
def previewed(dev: Any) -> Any:
    """What a preview says that the first `up` would do."""
    return dev("preview")


@pytest.fixture(scope="module")
def up(dev: Any, previewed: Any) -> Any:
    """What the first `up` did."""
    return dev("up", "--yes", "--skip-preview")


def test_preview_creates_nothing(previewed: Any, client: Callable[[str], Any]) -> None:
    assert previewed.steps["create"] > 60
    assert client("kinesis").list_streams()["StreamNames"] == []
    assert "sluice-dev" not in str(client("s3").list_buckets()["Buckets"])
    assert client("dynamodb").list_tables()["TableNames"] == []


def test_up_creates_what_preview_said(
    dev: Any, previewed: Any, up: Any, client: Callable[[str], Any]
) -> None:
    assert up.steps == {"created": previewed.steps["create"]}
    outputs = dev.outputs()
    assert client("kinesis").list_streams()["StreamNames"] == [outputs["stream_name"]]
    assert client("dynamodb").list_tables()["TableNames"] == [outputs["ledger_table"]]
    described = client("lambda").get_event_source_mapping(UUID=outputs["mapping_uuid"])
    assert described["State"] == "Enabled"


def test_a_second_up_changes_nothing(dev: Any, up: Any) -> None:
    assert dev("up", "--yes", "--skip-preview").steps == {"unchanged": up.steps["created"]}
    assert dev("preview", "--expect-no-changes").steps == {"unchanged": up.steps["created"]}


def test_nothing_differs_after_a_refresh(dev: Any, up: Any) -> None:
    done = dev("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.steps == {"unchanged": up.steps["created"]}


def test_a_secret_is_encrypted_in_the_state(dev: Any, up: Any) -> None:
    dev("config", "set", "--secret", "sluice:alarm_email", f"{PASSWORD}@example.com")
    dev("up", "--yes", "--skip-preview")
    state = json.dumps(dev.state())
    assert "sns:TopicSubscription" in state.replace("/topicSubscription", "")
    assert PASSWORD not in state
    assert PASSWORD not in (dev.folder / "Pulumi.dev.yaml").read_text()
    dev("config", "rm", "sluice:alarm_email")
    assert dev("up", "--yes", "--skip-preview").steps["deleted"] == 1


def test_a_setting_that_cannot_be_kept_secret_is_refused_as_one(dev: Any, up: Any) -> None:
    dev("config", "set", "--secret", "sluice:memory_mb", "2048")
    refused = dev("preview", code=REFUSED).text
    assert "memory_mb: given as a secret" in refused
    assert "Traceback" not in refused
    dev("config", "rm", "sluice:memory_mb")


def test_destroy_leaves_nothing(dev: Any, up: Any, client: Callable[[str], Any]) -> None:
    client("s3").put_object(Bucket=dev.outputs()["lake_bucket"], Key="lake/x", Body=b"a row")
    dev("destroy", "--yes", "--skip-preview")
    assert client("kinesis").list_streams()["StreamNames"] == []
    assert "sluice-dev" not in str(client("s3").list_buckets()["Buckets"])
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("lambda").list_functions()["Functions"] == []
    alarms = client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert (alarms["MetricAlarms"], alarms["CompositeAlarms"]) == ([], [])
    assert client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert client("sns").list_topics()["Topics"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert client("events").list_rules()["Rules"] == []
    assert client("glue").get_databases()["DatabaseList"] == []
    assert "alias/sluice" not in str(client("kms").list_aliases()["Aliases"])
    assert dev.state()["deployment"].get("resources", []) == []

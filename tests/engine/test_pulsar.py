"""A stack on Pulsar's own machines under the real engine: made, changed in place, gone."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.pulsar.programs import TOPICS_KEY

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1"
UP = ("up", "--yes", "--skip-preview")
DOWN = ("destroy", "--yes", "--skip-preview")
JOURNAL_GB, GROWN_GB = 20, 30


@pytest.fixture
def on_pulsar(engine: Any, aws: Any) -> Iterator[Any]:
    """The stack `dev` on a topic, its image one that no change of the code makes anew."""
    engine("stack", "init", "dev")
    engine.set("aws:region", aws.region)
    engine.set("sluice:stream", "pulsar")
    engine.set("sluice:worker_image", IMAGE)
    yield engine
    engine(*DOWN)
    engine("stack", "rm", "dev", "--yes", "--preserve-config")


def test_machines_and_topics_are_made_once_and_changed_in_place(
    on_pulsar: Any, client: Callable[[str], Any]
) -> None:
    ec2, scaling = client("ec2"), client("autoscaling")
    made = on_pulsar(*UP).steps
    assert set(made) == {"created"}
    outputs = on_pulsar.outputs()

    def partitions() -> int:
        body = client("s3").get_object(Bucket=outputs["broker_bucket"], Key=TOPICS_KEY)["Body"]
        (topic,) = json.loads(body.read())["topics"]
        return int(topic["partitions"])

    def volumes() -> dict[str, int]:
        return {each["VolumeId"]: each["Size"] for each in ec2.describe_volumes()["Volumes"]}

    groups = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert sum(group["DesiredCapacity"] for group in groups) == 3 + 3 * 2 + 3
    assert partitions() == 6
    before = volumes()
    assert list(before.values()).count(JOURNAL_GB) == 3 * 2

    assert on_pulsar(*UP).steps == {"unchanged": made["created"]}

    on_pulsar.set("sluice:partition_count", "12")
    on_pulsar.set("sluice:pulsar_journal_gb", str(GROWN_GB))
    changed = on_pulsar(*UP).steps
    assert "replaced" not in changed
    assert partitions() == 12
    assert volumes() == {
        volume: GROWN_GB if size == JOURNAL_GB else size for volume, size in before.items()
    }

    on_pulsar(*DOWN)
    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert volumes() == {}
    assert client("ecs").list_clusters()["clusterArns"] == []
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []

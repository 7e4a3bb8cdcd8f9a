"""A stack on Kafka under the real engine: cluster, topic, services made, changed in place, gone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1"
UP = ("up", "--yes", "--skip-preview")


@pytest.fixture
def on_kafka(engine: Any, aws: Any) -> Iterator[Any]:
    """The stack `dev` on a topic, its image one that no change of the code makes anew."""
    engine("stack", "init", "dev")
    engine.set("aws:region", aws.region)
    engine.set("sluice:stream", "kafka")
    engine.set("sluice:worker_image", IMAGE)
    yield engine
    engine("destroy", "--yes", "--skip-preview")
    engine("stack", "rm", "dev", "--yes", "--preserve-config")


def test_a_cluster_its_topic_and_its_workers_are_made_once_and_changed_in_place(
    on_kafka: Any, client: Callable[[str], Any]
) -> None:
    made = on_kafka(*UP).steps
    assert set(made) == {"created"}
    outputs = on_kafka.outputs()
    kafka = client("kafka")
    (cluster,) = kafka.list_clusters()["ClusterInfoList"]
    topic = {"ClusterArn": cluster["ClusterArn"], "TopicName": outputs["stream_name"]}
    assert kafka.describe_topic(**topic)["PartitionCount"] == 6
    assert outputs["connection"]["security"] == "iam"
    services = client("ecs").describe_services(
        cluster=outputs["worker_cluster"],
        services=[outputs["worker_service"], outputs["watcher_service"]],
    )["services"]
    assert [service["desiredCount"] for service in services] == [1, 1]
    for service in services:
        assert service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    (disk,) = client("cloudwatch").describe_alarms(AlarmNames=["sluice-dev-broker-disk"])[
        "MetricAlarms"
    ]
    assert len(disk["Metrics"]) == 1 + 3
    scaled = client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    assert [t["MaxCapacity"] for t in scaled["ScalableTargets"]] == [4]

    assert on_kafka(*UP).steps == {"unchanged": made["created"]}

    on_kafka.set("sluice:partition_count", "12")
    on_kafka.set("sluice:workers_max", "8")
    on_kafka.set("sluice:kafka_version", "4.0.x.kraft")
    changed = on_kafka(*UP).steps
    assert "replaced" not in changed
    assert kafka.describe_topic(**topic)["PartitionCount"] == 12
    (configuration,) = kafka.list_configurations()["Configurations"]
    assert configuration["LatestRevision"]["Revision"] == 1

    on_kafka("destroy", "--yes", "--skip-preview")
    assert client("ecs").list_clusters()["clusterArns"] == []
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_cluster_without_servers_is_made_once(on_kafka: Any) -> None:
    on_kafka.set("sluice:kafka_cluster", "serverless")
    made = on_kafka(*UP).steps
    assert on_kafka(*UP).steps == {"unchanged": made["created"]}

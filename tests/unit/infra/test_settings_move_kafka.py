"""Each setting of a topic and its workers moves exactly the properties that it names."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.settings_kafka import KafkaSettings
from infra.settings_worker import WorkerSettings
from pipeline.sources.wanted_topic import WantedTopic

ON_KAFKA = {"stream": "kafka", "package": "local"}
GIVEN = {
    **ON_KAFKA,
    "kafka_cluster": "given",
    "service_url": "b-1.example.com:9098",
    "kafka_security": "tls",
}
ARN = "arn:aws:kafka:eu-central-1:123456789012:cluster/theirs/0123-4567"
IMAGE = "210987654321.dkr.ecr.eu-central-1.amazonaws.com/theirs:1"
PULLING = (
    *("network-ecr.api.policy", "network-ecr.dkr.policy"),
    *("worker-execution-policy.policy", "watcher-execution-policy.policy"),
)
SERVICES = ("worker", "watcher")


def _told(variable: str) -> set[str]:
    """A variable of both services' containers."""
    return {f"{service}-definition.environment.{variable}" for service in SERVICES}


def _alarm(rule: str, *, moved: str = "threshold") -> set[str]:
    return {f"alarms-{rule}.{moved}"}


WATCH = "watcher-definition.environment.SLUICE_WATCH"
WANTED_TOPIC = "worker-definition.environment.SLUICE_WANTED_TOPIC"

Moved = tuple[Mapping[str, str], str, set[str]]

MOVES: Mapping[str, Moved] = {
    "partition_count": (
        ON_KAFKA,
        "12",
        {"stream-topic.partitionCount"},
    ),
    "retention_hours": (
        ON_KAFKA,
        "72",
        {
            "stream-topic.configs.retention.ms",
            *_told("SLUICE_RETENTION_SECONDS"),
            *_alarm("age-against-retention"),
            *_alarm("age-against-retention", moved="alarmDescription"),
        },
    ),
    "service_url": (
        GIVEN,
        "b-2.example.com:9098",
        _told("SLUICE_CONNECTION"),
    ),
    "kafka_version": (
        ON_KAFKA,
        "4.0.x.kraft",
        {"stream.kafkaVersion"},
    ),
    "kafka_instance_type": (
        ON_KAFKA,
        "kafka.m7g.xlarge",
        {"stream.brokerNodeGroupInfo.instanceType"},
    ),
    "kafka_brokers_per_zone": (
        ON_KAFKA,
        "2",
        {
            "stream.numberOfBrokerNodes",
            WATCH,
            "dashboard.dashboardBody",
            "alarms-broker-disk.metricQueries.0.expression",
            *(
                f"alarms-broker-disk.metricQueries.{number}.{path}"
                for number in (4, 5, 6)
                for path in (
                    *("id", "returnData", "metric.namespace", "metric.metricName", "metric.stat"),
                    *("metric.period", "metric.dimensions.Broker ID"),
                    "metric.dimensions.Cluster Name",
                )
            ),
        },
    ),
    "broker_count": (
        {**GIVEN, "broker_count": "3"},
        "4",
        {WATCH},
    ),
    "broker_cidr": (
        {**GIVEN, "broker_cidr": "10.7.0.0/16"},
        "10.8.0.0/16",
        {"network-callers-to-given-9098.cidrIpv4"},
    ),
    "kafka_volume_gb": (
        ON_KAFKA,
        "500",
        {"stream.brokerNodeGroupInfo.storageInfo.ebsStorageInfo.volumeSize"},
    ),
    "kafka_security": (
        GIVEN,
        "plaintext",
        _told("SLUICE_CONNECTION"),
    ),
    "kafka_cluster_arn": (
        {**GIVEN, "kafka_security": "iam", "kafka_cluster_arn": f"{ARN}-1"},
        ARN,
        {f"{service}-task-policy.policy" for service in SERVICES},
    ),
    "worker_cpu_units": (ON_KAFKA, "512", {"worker-definition.cpu"}),
    "worker_memory_mb": (ON_KAFKA, "4096", {"worker-definition.memory"}),
    "workers_min": (ON_KAFKA, "2", {"worker-service.desiredCount", "worker-scaling.minCapacity"}),
    "workers_max": (
        ON_KAFKA,
        "9",
        {"worker-scaling.maxCapacity", *_alarm("consumer-lag")},
    ),
    "worker_lag_max": (
        ON_KAFKA,
        "77",
        {
            "worker-scaling-by-lag.targetTrackingScalingPolicyConfiguration.targetValue",
            *_alarm("consumer-lag"),
        },
    ),
    "worker_batch_ms": (
        ON_KAFKA,
        "10000",
        {
            "worker-definition.environment.SLUICE_WORKER_BATCH_AGE_MS",
            "watcher-definition.environment.SLUICE_CANARY_SECONDS_MAX",
        },
    ),
    "worker_grace_seconds": (
        ON_KAFKA,
        "60",
        {
            *(f"{service}-definition.stopTimeout" for service in SERVICES),
            *_told("SLUICE_WORKER_GRACE_SECONDS"),
        },
    ),
    "worker_image": (
        ON_KAFKA,
        IMAGE,
        {*(f"{service}-definition.image" for service in SERVICES), *PULLING},
    ),
}


def _moved(register: Callable[..., Any], base: Mapping[str, str], **more: str) -> set[str]:
    before, after = _flat(register(base)), _flat(register({**base, **more}))
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def _flat(registered: Any) -> dict[str, Any]:
    """Every input; what is JSON of a service's container and of the topic told by its parts."""
    leaves = dict(registered.leaves())
    for service in SERVICES:
        (container,) = json.loads(leaves.pop(f"{service}-definition.containerDefinitions"))
        told = {pair["name"]: pair["value"] for pair in container.pop("environment")}
        leaves |= {f"{service}-definition.environment.{k}": v for k, v in told.items()}
        leaves |= {f"{service}-definition.{k}": json.dumps(v) for k, v in container.items()}
    configs = json.loads(leaves.pop("stream-topic.configs", "{}"))
    return leaves | {f"stream-topic.configs.{k}": v for k, v in configs.items()}


def test_every_setting_of_topics_and_workers_is_in_the_table() -> None:
    of_streams = {"partition_count", "service_url", "broker_count", "broker_cidr"}
    settings = {*of_streams, *KafkaSettings.model_fields}
    assert {*MOVES, "kafka_cluster"} == settings | {
        "retention_hours",
        *WorkerSettings.model_fields,
    }


@pytest.mark.parametrize("setting", MOVES)
def test_a_setting_moves_the_properties_it_names_and_no_other(
    setting: str, register: Callable[..., Any]
) -> None:
    base, value, expected = MOVES[setting]
    assert _moved(register, base, **{setting: value}) == expected


def test_a_cluster_without_servers_has_no_brokers_to_size_and_all_else_is_the_same(
    register: Callable[..., Any],
) -> None:
    moved = _moved(register, ON_KAFKA, kafka_cluster="serverless")
    ours = {key.partition(".")[0] for key in moved}
    assert ours - {"dashboard"} == {
        *("stream", "stream-configuration", "stream-log-group", "stream-topic"),
        *("alarms-broker-down", "alarms-broker-disk", "alarms-under-replicated"),
        # Workers make the topic there.
        *("worker-definition", "worker-task-policy"),
        # Of what the page is made, and how many brokers are looked for.
        *("alarms-data-at-risk", "watcher-definition"),
    }
    assert {key for key in moved if key.startswith("watcher-definition")} == {WATCH}
    assert {key for key in moved if key.startswith("worker-definition")} == {WANTED_TOPIC}


def test_workers_make_the_topic_of_a_cluster_without_servers_as_the_settings_say(
    register: Callable[..., Any],
) -> None:
    serverless = {**ON_KAFKA, "kafka_cluster": "serverless"}
    chosen = {**serverless, "partition_count": "9", "retention_hours": "48"}
    wanted = WantedTopic.model_validate_json(_flat(register(chosen))[WANTED_TOPIC])
    # MSK developer guide, "Configuration properties for MSK Serverless clusters": no others.
    assert wanted == WantedTopic(
        partitions=9,
        properties={
            "cleanup.policy": "delete",
            "max.message.bytes": "1048588",
            "message.timestamp.type": "LogAppendTime",
            "retention.bytes": "-1",
            "retention.ms": str(48 * 3_600_000),
        },
    )


def test_a_given_cluster_is_made_and_allowed_into_by_nobody(register: Callable[..., Any]) -> None:
    registered = register(GIVEN)
    assert not [name for name in registered.resources if name.startswith("stream")]
    for service in SERVICES:
        assert "kafka-cluster" not in registered.inputs(f"{service}-task-policy")["policy"]
    assert registered.outputs["connection"] == {
        "kind": "kafka",
        "bootstrap_servers": "b-1.example.com:9098",
        "topic": "sluice-dev-events",
        "group": "sluice-dev-worker",
        "security": "tls",
    }

"""Clusters, task definitions and services of ECS."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Wait,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Choice, Given, Pairs, Parsed

_TAGS: Final = Pairs(of="$tags", key="key", value="value")
_TAGGED: Final = tag_updates({"resourceArn": "$out.arn"}, tags=_TAGS, members=("tags", "tagKeys"))

CLUSTER: Final = ResourceType(
    token="aws:ecs/cluster:Cluster",
    service="ecs",
    create=Call(
        operation="create_cluster",
        parameters={"clusterName": "$name", "settings": "$settings", "tags": _TAGS},
    ),
    id="$name",
    identity=("name",),
    updates=(
        changes(("settings",), "update_cluster_settings", cluster="$name", settings="$settings"),
        _TAGGED,
    ),
    read=reads("describe_clusters", clusters=["$name"]),
    outputs={"arn": "$read.clusters.0.clusterArn", "name": "$name"},
    delete=deletes("delete_cluster", cluster="$name"),
    gone=("ClusterNotFoundException",),
)

TASK_DEFINITION: Final = ResourceType(
    token="aws:ecs/taskDefinition:TaskDefinition",
    service="ecs",
    create=Call(
        operation="register_task_definition",
        parameters={
            "family": "$family",
            "requiresCompatibilities": "$requiresCompatibilities",
            "networkMode": "$networkMode",
            "cpu": "$cpu",
            "memory": "$memory",
            "runtimePlatform": {
                "cpuArchitecture": "$runtimePlatform.cpuArchitecture",
                "operatingSystemFamily": "$runtimePlatform.operatingSystemFamily",
            },
            "executionRoleArn": "$executionRoleArn",
            "taskRoleArn": "$taskRoleArn",
            "containerDefinitions": Parsed(of="$containerDefinitions"),
            "tags": _TAGS,
        },
        into="create",
    ),
    id="$create.taskDefinition.taskDefinitionArn",
    # A definition is never changed: each is a revision of its family.
    replaces=(
        *("family", "requiresCompatibilities", "networkMode", "cpu", "memory", "runtimePlatform"),
        *("executionRoleArn", "taskRoleArn", "containerDefinitions"),
    ),
    updates=(_TAGGED,),
    read=reads("describe_task_definition", taskDefinition="$id"),
    outputs={
        "arn": "$read.taskDefinition.taskDefinitionArn",
        "revision": "$read.taskDefinition.revision",
    },
    delete=deletes("deregister_task_definition", taskDefinition="$id"),
    gone=("ClientException",),
)

_DEPLOYMENT: Final = {
    "taskDefinition": "$taskDefinition",
    "deploymentConfiguration": {
        "minimumHealthyPercent": "$deploymentMinimumHealthyPercent",
        "maximumPercent": "$deploymentMaximumPercent",
        "deploymentCircuitBreaker": {
            "enable": "$deploymentCircuitBreaker.enable",
            "rollback": "$deploymentCircuitBreaker.rollback",
        },
        "alarms": Given(
            of="$alarms",
            then={
                "enable": "$alarms.enable",
                "rollback": "$alarms.rollback",
                "alarmNames": "$alarms.alarmNames",
            },
        ),
    },
    "networkConfiguration": {
        "awsvpcConfiguration": {
            "subnets": "$networkConfiguration.subnets",
            "securityGroups": "$networkConfiguration.securityGroups",
            "assignPublicIp": Choice(
                of="$networkConfiguration.assignPublicIp", true="ENABLED", false="DISABLED"
            ),
        }
    },
    "enableExecuteCommand": "$enableExecuteCommand",
    "propagateTags": "$propagateTags",
}
_NAMED: Final = {"cluster": "$cluster", "service": "$name"}

SERVICE: Final = ResourceType(
    token="aws:ecs/service:Service",
    service="ecs",
    create=Call(
        operation="create_service",
        parameters={
            "cluster": "$cluster",
            "serviceName": "$name",
            "launchType": "$launchType",
            "desiredCount": "$desiredCount",
            **_DEPLOYMENT,
            "tags": _TAGS,
        },
    ),
    id="$name",
    identity=("name", "cluster"),
    replaces=("launchType",),
    updates=(
        changes(
            (
                *("taskDefinition", "deploymentMinimumHealthyPercent", "alarms", "propagateTags"),
                *("deploymentMaximumPercent", "deploymentCircuitBreaker", "networkConfiguration"),
                "enableExecuteCommand",
            ),
            "update_service",
            **_NAMED,
            **_DEPLOYMENT,
        ),
        changes(("desiredCount",), "update_service", **_NAMED, desiredCount="$desiredCount"),
        _TAGGED,
    ),
    read=reads("describe_services", cluster="$cluster", services=["$name"]),
    outputs={"arn": "$read.services.0.serviceArn", "name": "$name"},
    delete=(
        Call(
            operation="delete_service",
            parameters={**_NAMED, "force": True},
            wait=Wait(
                waiter="services_inactive",
                parameters={"cluster": "$cluster", "services": ["$name"]},
            ),
        ),
    ),
    gone=("ServiceNotFoundException", "ClusterNotFoundException"),
)

TYPES: Final = (CLUSTER, TASK_DEFINITION, SERVICE)

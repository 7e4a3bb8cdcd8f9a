"""Clusters, task definitions and services of ECS."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, Wait, tag_updates
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
        Update(
            properties=("settings",),
            calls=(
                Call(
                    operation="update_cluster_settings",
                    parameters={"cluster": "$name", "settings": "$settings"},
                ),
            ),
        ),
        _TAGGED,
    ),
    read=(Call(operation="describe_clusters", parameters={"clusters": ["$name"]}, into="read"),),
    outputs={"arn": "$read.clusters.0.clusterArn", "name": "$name"},
    delete=(Call(operation="delete_cluster", parameters={"cluster": "$name"}),),
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
    read=(
        Call(
            operation="describe_task_definition",
            parameters={"taskDefinition": "$id"},
            into="read",
        ),
    ),
    outputs={
        "arn": "$read.taskDefinition.taskDefinitionArn",
        "revision": "$read.taskDefinition.revision",
    },
    delete=(Call(operation="deregister_task_definition", parameters={"taskDefinition": "$id"}),),
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
        Update(
            properties=(
                *("taskDefinition", "deploymentMinimumHealthyPercent", "alarms", "propagateTags"),
                *("deploymentMaximumPercent", "deploymentCircuitBreaker", "networkConfiguration"),
                "enableExecuteCommand",
            ),
            calls=(Call(operation="update_service", parameters={**_NAMED, **_DEPLOYMENT}),),
        ),
        Update(
            properties=("desiredCount",),
            calls=(
                Call(
                    operation="update_service",
                    parameters={**_NAMED, "desiredCount": "$desiredCount"},
                ),
            ),
        ),
        _TAGGED,
    ),
    read=(
        Call(
            operation="describe_services",
            parameters={"cluster": "$cluster", "services": ["$name"]},
            into="read",
        ),
    ),
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

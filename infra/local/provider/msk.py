"""Clusters, configurations and topics of Amazon MSK."""

from typing import Any, Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Each, Encoded, Template

_TAGGED: Final = tag_updates({"ResourceArn": "$out.arn"}, tags="$tags", members=("Tags", "TagKeys"))
_GONE: Final = ("NotFoundException", "BadRequestException")

CONFIGURATION: Final = ResourceType(
    token="aws:msk/configuration:Configuration",
    service="kafka",
    create=Call(
        operation="create_configuration",
        parameters={
            "Name": "$name",
            "KafkaVersions": "$kafkaVersions",
            "ServerProperties": "$serverProperties",
        },
        into="create",
    ),
    id="$create.Arn",
    identity=("name",),
    replaces=("kafkaVersions",),
    updates=(
        changes(
            ("serverProperties",),
            "update_configuration",
            Arn="$id",
            ServerProperties="$serverProperties",
        ),
    ),
    read=reads("describe_configuration", Arn="$id"),
    outputs={"arn": "$read.Arn", "latestRevision": "$read.LatestRevision.Revision"},
    delete=deletes("delete_configuration", Arn="$id"),
    gone=_GONE,
)

_READ: Final = Call(operation="describe_cluster", parameters={"ClusterArn": "$id"}, into="read")
_BROKERS: Final = Call(
    operation="get_bootstrap_brokers", parameters={"ClusterArn": "$id"}, into="brokers"
)
_VERSION: Final = {"ClusterArn": "$id", "CurrentVersion": "$now.ClusterInfo.CurrentVersion"}
_NOW: Final = Call(operation="describe_cluster", parameters={"ClusterArn": "$id"}, into="now")
_LOGS: Final = "$loggingInfo.brokerLogs.cloudwatchLogs"
_NODES: Final = "$brokerNodeGroupInfo"
_VOLUME: Final = f"{_NODES}.storageInfo.ebsStorageInfo.volumeSize"
_CONFIGURATION: Final = {
    "Arn": "$configurationInfo.arn",
    "Revision": "$configurationInfo.revision",
}
_LOGGING: Final[dict[str, Any]] = {
    "BrokerLogs": {
        "CloudWatchLogs": {"Enabled": f"{_LOGS}.enabled", "LogGroup": f"{_LOGS}.logGroup"}
    }
}

_OUTPUTS: Final = {
    "arn": "$read.ClusterInfo.ClusterArn",
    "clusterName": "$read.ClusterInfo.ClusterName",
    "bootstrapBrokersSaslIam": "$brokers.BootstrapBrokerStringSaslIam",
}


def _changes(properties: tuple[str, ...], operation: str, **parameters: Template) -> Update:
    """Return the call that changes the cluster as it is now: MSK asks for its version."""
    call = Call(operation=operation, parameters={**_VERSION, **parameters})
    return Update(properties=properties, calls=(_NOW, call))


CLUSTER: Final = ResourceType(
    token="aws:msk/cluster:Cluster",
    service="kafka",
    create=Call(
        operation="create_cluster",
        parameters={
            "ClusterName": "$clusterName",
            "KafkaVersion": "$kafkaVersion",
            "NumberOfBrokerNodes": "$numberOfBrokerNodes",
            "BrokerNodeGroupInfo": {
                "InstanceType": f"{_NODES}.instanceType",
                "ClientSubnets": f"{_NODES}.clientSubnets",
                "SecurityGroups": f"{_NODES}.securityGroups",
                "StorageInfo": {"EbsStorageInfo": {"VolumeSize": _VOLUME}},
            },
            "ClientAuthentication": {
                "Sasl": {"Iam": {"Enabled": "$clientAuthentication.sasl.iam"}},
                "Unauthenticated": {"Enabled": "$clientAuthentication.unauthenticated"},
            },
            "EncryptionInfo": {
                "EncryptionAtRest": {
                    "DataVolumeKMSKeyId": "$encryptionInfo.encryptionAtRestKmsKeyArn"
                },
                "EncryptionInTransit": {
                    "ClientBroker": "$encryptionInfo.encryptionInTransit.clientBroker",
                    "InCluster": "$encryptionInfo.encryptionInTransit.inCluster",
                },
            },
            "ConfigurationInfo": _CONFIGURATION,
            "EnhancedMonitoring": "$enhancedMonitoring",
            "LoggingInfo": _LOGGING,
            "Tags": "$tags",
        },
        into="create",
    ),
    id="$create.ClusterArn",
    identity=("clusterName",),
    replaces=("encryptionInfo",),
    updates=(
        _changes(
            ("numberOfBrokerNodes",),
            "update_broker_count",
            TargetNumberOfBrokerNodes="$numberOfBrokerNodes",
        ),
        Update(
            properties=("brokerNodeGroupInfo",),
            calls=(
                _NOW,
                Call(
                    operation="update_broker_storage",
                    parameters={
                        **_VERSION,
                        "TargetBrokerEBSVolumeInfo": [
                            {"KafkaBrokerNodeId": "ALL", "VolumeSizeGB": _VOLUME}
                        ],
                    },
                    grows="brokerNodeGroupInfo.storageInfo.ebsStorageInfo.volumeSize",
                ),
                Call(
                    operation="update_broker_type",
                    parameters={**_VERSION, "TargetInstanceType": f"{_NODES}.instanceType"},
                ),
            ),
        ),
        _changes(
            ("configurationInfo",),
            "update_cluster_configuration",
            ConfigurationInfo=_CONFIGURATION,
        ),
        _changes(
            ("kafkaVersion",), "update_cluster_kafka_version", TargetKafkaVersion="$kafkaVersion"
        ),
        _changes(
            ("enhancedMonitoring", "loggingInfo"),
            "update_monitoring",
            EnhancedMonitoring="$enhancedMonitoring",
            LoggingInfo=_LOGGING,
        ),
        _changes(
            ("clientAuthentication",),
            "update_security",
            ClientAuthentication={"Sasl": {"Iam": {"Enabled": "$clientAuthentication.sasl.iam"}}},
        ),
        _TAGGED,
    ),
    read=(_READ, _BROKERS),
    outputs=_OUTPUTS,
    delete=deletes("delete_cluster", ClusterArn="$id"),
    gone=_GONE,
)

SERVERLESS_CLUSTER: Final = ResourceType(
    token="aws:msk/serverlessCluster:ServerlessCluster",
    service="kafka",
    create=Call(
        operation="create_cluster_v2",
        parameters={
            "ClusterName": "$clusterName",
            "Serverless": {
                "VpcConfigs": Each(
                    of="$vpcConfigs",
                    to={
                        "SubnetIds": "$item.subnetIds",
                        "SecurityGroupIds": "$item.securityGroupIds",
                    },
                ),
                "ClientAuthentication": {
                    "Sasl": {"Iam": {"Enabled": "$clientAuthentication.sasl.iam.enabled"}}
                },
            },
            "Tags": "$tags",
        },
        into="create",
    ),
    id="$create.ClusterArn",
    identity=("clusterName",),
    replaces=("vpcConfigs", "clientAuthentication"),
    updates=(_TAGGED,),
    read=(
        Call(operation="describe_cluster_v2", parameters={"ClusterArn": "$id"}, into="read"),
        _BROKERS,
    ),
    outputs=_OUTPUTS,
    delete=deletes("delete_cluster", ClusterArn="$id"),
    gone=_GONE,
)

_TOPIC: Final = {"ClusterArn": "$clusterArn", "TopicName": "$name"}

TOPIC: Final = ResourceType(
    token="aws:msk/topic:Topic",
    service="kafka",
    create=Call(
        operation="create_topic",
        parameters={
            **_TOPIC,
            "PartitionCount": "$partitionCount",
            "ReplicationFactor": "$replicationFactor",
            "Configs": Encoded(of="$configs"),
        },
    ),
    id="$name",
    identity=("name", "clusterArn"),
    replaces=("replicationFactor",),
    updates=(
        Update(
            properties=("partitionCount",),
            calls=(
                Call(
                    operation="update_topic",
                    parameters={**_TOPIC, "PartitionCount": "$partitionCount"},
                    grows="partitionCount",
                ),
            ),
        ),
        changes(("configs",), "update_topic", **_TOPIC, Configs=Encoded(of="$configs")),
    ),
    read=reads("describe_topic", **_TOPIC),
    outputs={"arn": "$read.TopicArn", "name": "$name"},
    told={"partitionCount": "$read.PartitionCount"},
    delete=deletes("delete_topic", **_TOPIC),
    exists=("ConflictException",),
    gone=_GONE,
)

TYPES: Final = (CONFIGURATION, CLUSTER, SERVERLESS_CLUSTER, TOPIC)

"""The event stream on Kafka: an Amazon MSK cluster and one topic, or a cluster that is given."""

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
import pulumi_aws as aws

from infra.alarm_rules_broker import msk_disk
from infra.network import Network, Opening, allow
from infra.widget import Panel, Widget, aws_series

IAM_PORT: Final = 9098
"""Clients by IAM from inside AWS (MSK developer guide, "Port information")."""
REPLICAS: Final = 3
"""A record in each zone."""
IN_SYNC_MIN: Final = 2
"""With `acks=all` an acknowledged record is on two brokers, and one may be away."""
MESSAGE_BYTES_MAX: Final = 1_048_588
"""Kafka's own default; a sealed shipment is smaller."""
SERVERLESS_TAKES: Final = (
    *("cleanup.policy", "max.message.bytes", "message.timestamp.type", "retention.ms"),
)
"""Of a topic's properties (MSK developer guide, "Configuration properties for MSK Serverless
clusters"): the rest are as we want them there."""
MONITORING: Final = "PER_TOPIC_PER_BROKER"
MS_PER_HOUR: Final = 3_600_000
_PROPERTIES: Final = {
    # A misspelt topic would be made at the first look at it.
    "auto.create.topics.enable": "false",
    "default.replication.factor": REPLICAS,
    "log.message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": IN_SYNC_MIN,
    "offsets.topic.replication.factor": REPLICAS,
    "transaction.state.log.replication.factor": REPLICAS,
    "transaction.state.log.min.isr": IN_SYNC_MIN,
    "unclean.leader.election.enable": "false",
}
SERVER_PROPERTIES: Final = "".join(f"{key}={value}\n" for key, value in _PROPERTIES.items())
"""What no topic may fall back behind. No setting is in it: each change is a revision, for which all
brokers are updated one after the other, and the topic has partitions and retention of its own."""

_WIDGETS: Final = (
    Widget(
        title="Partitions without a leader",
        lines=aws_series("AWS/Kafka", "brokers", "Maximum", "OfflinePartitionsCount"),
    ),
    Widget(
        title="Controllers at work",
        lines=aws_series("AWS/Kafka", "brokers", "Maximum", "ActiveControllerCount"),
    ),
)


def panel(disks: int) -> Panel:
    """Return what of the cluster its clients feel; `disks` is how many brokers have one."""
    used = Widget(
        title="Disk of a broker (percent)",
        lines=tuple(msk_disk(number) for number in range(1, disks + 1)),
    )
    return Panel(title="Brokers", widgets=(*_WIDGETS, *((used,) if disks else ())))


@dataclass(frozen=True, kw_only=True)
class TopicArgs:
    """What a topic is made from."""

    topic: str
    partition_count: int
    retention_hours: int


@dataclass(frozen=True, kw_only=True)
class BrokerArgs:
    """What provisioned brokers are made from."""

    version: str
    instance_type: str
    per_zone: int
    volume_gb: int
    log_group: str
    log_days: int


@dataclass(frozen=True, kw_only=True)
class KafkaStreamArgs:
    """What a stream on MSK is made from."""

    cluster: str
    kind: Literal["provisioned", "serverless"]
    brokers: BrokerArgs
    topic: TopicArgs
    network: Network
    key_arn: pulumi.Input[str]
    retain: bool
    """Whether cluster and topic refuse to be destroyed."""


class KafkaStream(pulumi.ComponentResource):
    """A cluster that speaks TLS and IAM alone, and, on provisioned brokers, its topic.

    On a serverless cluster the workers make the topic, as `wanted_topic` says.
    """

    cluster_arn: pulumi.Output[str]
    bootstrap_servers: pulumi.Output[str]

    def __init__(
        self, name: str, args: KafkaStreamArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the cluster, what opens it to the callers, and the topic."""
        super().__init__("sluice:stream:KafkaStream", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.retain)
        group = self._group()
        cluster: aws.msk.Cluster | aws.msk.ServerlessCluster
        if args.kind == "provisioned":
            cluster = self._provisioned(group)
            self._topic(cluster)
        else:
            cluster = self._serverless(group)
        self.cluster_arn = cluster.arn
        self.bootstrap_servers = cluster.bootstrap_brokers_sasl_iam
        self.register_outputs(
            {"cluster_arn": self.cluster_arn, "bootstrap_servers": self.bootstrap_servers}
        )

    def _group(self) -> aws.ec2.SecurityGroup:
        """Make the brokers' security group: workers come in, by one port."""
        args = self._args
        group = aws.ec2.SecurityGroup(
            f"{self._name}-brokers",
            name=args.cluster,
            description="Brokers: workers alone come in",
            vpc_id=args.network.vpc_id,
            tags={"Name": args.cluster},
            opts=self._child,
        )
        allow(
            f"{self._name}-callers-to-brokers",
            Opening(
                tag=f"{args.cluster}-callers-to-brokers",
                port=IAM_PORT,
                source=args.network.callers_group_id,
                target=group.id,
                description="Kafka by IAM over TLS",
            ),
            self._child,
        )
        return group

    def _provisioned(self, group: aws.ec2.SecurityGroup) -> aws.msk.Cluster:
        args, brokers = self._args, self._args.brokers
        log_group = aws.cloudwatch.LogGroup(
            f"{self._name}-log-group",
            name=brokers.log_group,
            retention_in_days=brokers.log_days,
            kms_key_id=args.key_arn,
            opts=self._child,
        )
        configuration = aws.msk.Configuration(
            f"{self._name}-configuration",
            name=args.cluster,
            # Without versions it is of all: those of one cannot be changed while a cluster has it.
            server_properties=SERVER_PROPERTIES,
            opts=self._child,
        )
        return aws.msk.Cluster(
            self._name,
            cluster_name=args.cluster,
            kafka_version=brokers.version,
            number_of_broker_nodes=brokers.per_zone * len(args.network.subnet_ids),
            broker_node_group_info=aws.msk.ClusterBrokerNodeGroupInfoArgs(
                instance_type=brokers.instance_type,
                client_subnets=args.network.subnet_ids,
                security_groups=[group.id],
                storage_info=_volume(brokers.volume_gb),
            ),
            client_authentication=aws.msk.ClusterClientAuthenticationArgs(
                sasl=aws.msk.ClusterClientAuthenticationSaslArgs(iam=True), unauthenticated=False
            ),
            encryption_info=_encrypted(args.key_arn),
            configuration_info=aws.msk.ClusterConfigurationInfoArgs(
                arn=configuration.arn, revision=configuration.latest_revision
            ),
            enhanced_monitoring=MONITORING,
            logging_info=_logged(log_group.name),
            opts=self._kept,
        )

    def _serverless(self, group: aws.ec2.SecurityGroup) -> aws.msk.ServerlessCluster:
        args = self._args
        return aws.msk.ServerlessCluster(
            self._name,
            cluster_name=args.cluster,
            client_authentication={"sasl": {"iam": {"enabled": True}}},
            vpc_configs=[
                aws.msk.ServerlessClusterVpcConfigArgs(
                    subnet_ids=args.network.subnet_ids, security_group_ids=[group.id]
                )
            ],
            opts=self._kept,
        )

    def _topic(self, cluster: aws.msk.Cluster) -> None:
        """Make the topic: MSK does it for provisioned brokers alone (MSK developer guide, "Topic
        Operations", "Requirements for using topic APIs").
        """
        topic = self._args.topic
        aws.msk.Topic(
            f"{self._name}-topic",
            name=topic.topic,
            cluster_arn=cluster.arn,
            partition_count=topic.partition_count,
            replication_factor=REPLICAS,
            configs=json.dumps(topic_properties(topic), sort_keys=True),
            opts=self._kept,
        )


def _volume(size_gb: int) -> aws.msk.ClusterBrokerNodeGroupInfoStorageInfoArgs:
    return aws.msk.ClusterBrokerNodeGroupInfoStorageInfoArgs(
        ebs_storage_info=aws.msk.ClusterBrokerNodeGroupInfoStorageInfoEbsStorageInfoArgs(
            volume_size=size_gb
        )
    )


def _encrypted(key_arn: pulumi.Input[str]) -> aws.msk.ClusterEncryptionInfoArgs:
    return aws.msk.ClusterEncryptionInfoArgs(
        encryption_at_rest_kms_key_arn=key_arn,
        encryption_in_transit=aws.msk.ClusterEncryptionInfoEncryptionInTransitArgs(
            client_broker="TLS", in_cluster=True
        ),
    )


def _logged(log_group: pulumi.Input[str]) -> aws.msk.ClusterLoggingInfoArgs:
    logs = aws.msk.ClusterLoggingInfoBrokerLogsCloudwatchLogsArgs(enabled=True, log_group=log_group)
    return aws.msk.ClusterLoggingInfoArgs(
        broker_logs=aws.msk.ClusterLoggingInfoBrokerLogsArgs(cloudwatch_logs=logs)
    )


def topic_properties(topic: TopicArgs) -> dict[str, Any]:
    """Return how the topic keeps its records.

    The broker's own time says when a record arrived: a producer's must not (protocol.md, T26).
    """
    return {
        "cleanup.policy": "delete",
        "max.message.bytes": MESSAGE_BYTES_MAX,
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": IN_SYNC_MIN,
        "retention.ms": topic.retention_hours * MS_PER_HOUR,
        "unclean.leader.election.enable": False,
    }


def wanted_topic(topic: TopicArgs) -> str:
    """Return what workers of a serverless cluster make, as `SLUICE_WANTED_TOPIC` takes it.

    Its topics hold 250 GiB a partition unless told to keep all until it expires.
    """
    ours = topic_properties(topic)
    properties = {name: str(ours[name]) for name in SERVERLESS_TAKES} | {"retention.bytes": "-1"}
    return json.dumps(
        {"partitions": topic.partition_count, "properties": properties}, sort_keys=True
    )

"""The composition on Kafka: a cluster of the stack's own or a given one, and workers on a topic."""

from collections.abc import Callable
from typing import Any

import pulumi

from infra import stream_kafka
from infra.deployments.foundation import Foundation
from infra.deployments.watched_workers import WatchedWorkers
from infra.deployments.workers import Access, Stream, Workers
from infra.naming import Names
from infra.policies import Statement
from infra.policies_kafka import make_topic, read_topic, watch_topic
from infra.settings import Settings
from infra.stream_kafka import (
    BrokerArgs,
    KafkaStream,
    KafkaStreamArgs,
    TopicArgs,
    wanted_topic,
)
from infra.watched_topic import topic_of


class KafkaDeployment:
    """Cluster, lake, ledger, workers, alarms and catalog of one stack."""

    outputs: dict[str, Any]
    """What a client of the stack needs to know."""

    def __init__(self, settings: Settings, names: Names) -> None:
        """Make all of it."""
        self._settings, self._names = settings, names
        self._base = Foundation(settings, names)
        self._workers = Workers(settings, names, self._base)
        servers, cluster_arn = self._broker()
        provisioned = settings.kafka_cluster == "provisioned"
        serverless = settings.kafka_cluster == "serverless"
        watched = WatchedWorkers(
            settings,
            names,
            self._base,
            brokers={"brokers": names.broker_cluster},
            panels=(stream_kafka.panel(topic_of(settings).msk_brokers),) if provisioned else (),
        )
        self.outputs = watched.run(
            self._workers,
            Stream(
                connection=pulumi.Output.from_input(servers).apply(self._connected),
                name=names.stream,
                worker=self._access(cluster_arn, make_and_read if serverless else read_topic),
                watcher=self._access(cluster_arn, watch_topic),
                wanted_topic=wanted_topic(self._topic) if serverless else None,
            ),
        )

    def _access(
        self, cluster_arn: pulumi.Output[str] | None, rights: Callable[..., list[Statement]]
    ) -> Access:
        """Return what lets a service to the topic; a cluster that asks no IAM has no ARN here."""
        if cluster_arn is None:
            return Access()
        names = self._names
        return Access(
            rights=cluster_arn.apply(
                lambda arn: rights(arn, topic=names.stream, group=names.worker)
            )
        )

    @property
    def _topic(self) -> TopicArgs:
        settings = self._settings
        return TopicArgs(
            topic=self._names.stream,
            partition_count=settings.partition_count,
            retention_hours=settings.retention_hours,
        )

    def _broker(self) -> tuple[pulumi.Input[str], pulumi.Output[str] | None]:
        """Return the bootstrap servers, and the cluster's ARN where it asks IAM."""
        settings, names = self._settings, self._names
        if settings.kafka_cluster == "given":
            arn = settings.kafka_cluster_arn if settings.kafka_security == "iam" else None
            return settings.service_url or "", pulumi.Output.from_input(arn) if arn else None
        stream = KafkaStream(
            "stream",
            KafkaStreamArgs(
                cluster=names.broker_cluster,
                kind=settings.kafka_cluster,
                brokers=BrokerArgs(
                    version=settings.kafka_version,
                    instance_type=settings.kafka_instance_type,
                    per_zone=settings.kafka_brokers_per_zone,
                    volume_gb=settings.kafka_volume_gb,
                    log_group=names.broker_log_group(names.broker_cluster),
                    log_days=settings.log_days,
                ),
                topic=self._topic,
                network=self._workers.network,
                key_arn=self._base.key_arn,
                retain=settings.retain_data,
            ),
        )
        return stream.bootstrap_servers, stream.cluster_arn

    def _connected(self, servers: str) -> dict[str, Any]:
        """Return how workers, producers and tests reach the topic."""
        given = self._settings.kafka_cluster == "given"
        security = self._settings.kafka_security if given else "iam"
        return {
            "kind": "kafka",
            "bootstrap_servers": servers,
            "topic": self._names.stream,
            "group": self._names.worker,
            "security": security,
            **({"region": self._names.region} if security == "iam" else {}),
        }


def make_and_read(cluster_arn: str, *, topic: str, group: str) -> list[Statement]:
    """Return what a worker may do that makes its topic before it reads it."""
    return [
        *make_topic(cluster_arn, topic=topic),
        *read_topic(cluster_arn, topic=topic, group=group),
    ]

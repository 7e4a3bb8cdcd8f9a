"""The composition on Pulsar: a cluster of the stack's own or a given one, and its workers."""

from typing import Any, Final

import pulumi

from infra import policies_pulsar as rights
from infra.costs.line import GB
from infra.deployments.foundation import Foundation
from infra.deployments.watched_workers import WatchedWorkers
from infra.deployments.workers import Access, Stream, Workers
from infra.naming import Names
from infra.pulsar.topics import NAMESPACE, TENANT, Topics
from infra.pulsar_access import FIGURES_PORTS
from infra.pulsar_bucket import PulsarBucket, PulsarBucketArgs
from infra.pulsar_secrets import PulsarSecrets, PulsarSecretsArgs
from infra.settings import Settings
from infra.stream_pulsar import Machines, PulsarStream, PulsarStreamArgs
from infra.watched_topic import backlog_bytes_max
from pipeline.errors import UserError

MINUTES_PER_HOUR: Final = 60
FRONT_CHARACTERS_MAX: Final = 32
"""Of a load balancer's name, and a target group's (Elastic Load Balancing API, CreateLoadBalancer
and CreateTargetGroup)."""


def check_names(settings: Settings, names: Names) -> None:
    """Refuse, before anything is made, a stack whose target groups AWS could not name.

    Raises UserError.
    """
    longest = f"{names.broker_cluster}-{max(FIGURES_PORTS.values())}"
    excess = len(longest) - FRONT_CHARACTERS_MAX
    if settings.pulsar_cluster == "own" and excess > 0:
        raise UserError(
            f"the stack's name {names.stack!r} is {excess} characters too long for the name of "
            "its brokers' load balancer (pulumi stack rename)"
        )


class PulsarDeployment:
    """Cluster, lake, ledger, workers, alarms and catalog of one stack."""

    outputs: dict[str, Any]
    """What a client of the stack needs to know."""

    def __init__(self, settings: Settings, names: Names) -> None:
        """Make all of it."""
        self._settings, self._names = settings, names
        self._base = Foundation(settings, names)
        self._own = settings.pulsar_cluster == "own"
        self._extra: dict[str, Any] = {}
        stream = self._cluster() if self._own else self._given()
        told = WatchedWorkers(settings, names, self._base).run(self._workers, stream)
        self.outputs = {**told, **self._extra}

    def _given(self) -> Stream:
        """Return a topic of a cluster that is there, and what gets in."""
        settings = self._settings
        arn = settings.pulsar_credentials_arn
        told = pulumi.Output.from_input(rights.read_secrets([arn] if arn else []))
        self._workers = Workers(
            settings, self._names, self._base, interfaces={"secretsmanager": told} if arn else {}
        )
        access = Access(credentials=arn)
        return Stream(
            connection=pulumi.Output.from_input(self._connected(settings.service_url or "")),
            name=self._names.stream,
            worker=access,
            watcher=access,
            admin_url=settings.pulsar_admin_url,
            bookie_url=settings.pulsar_bookie_url,
        )

    def _cluster(self) -> Stream:
        """Make the cluster; return its topic, and what gets in."""
        settings, names, base = self._settings, self._names, self._base
        bucket = PulsarBucket(
            "brokers",
            PulsarBucketArgs(
                bucket=names.broker_bucket,
                key_arn=base.key_arn,
                retain=settings.retain_data,
                destroy=settings.destroys_data,
            ),
        )
        secrets = PulsarSecrets(
            "credentials",
            PulsarSecretsArgs(
                cluster=names.broker_cluster,
                key_arn=base.key_arn,
                destroy=settings.destroys_data,
            ),
        ).arns
        self._workers = self._workers_beside(secrets)
        stream = PulsarStream(
            "stream",
            PulsarStreamArgs(
                cluster=names.broker_cluster,
                account=names.account,
                region=names.region,
                machines=_machines(settings),
                topics=_topics(settings, names),
                network=self._workers.network,
                bucket=bucket,
                brokers_secret=secrets["brokers"],
                key_arn=base.key_arn,
                retain=settings.retain_data,
            ),
        )
        self._extra = {"broker_bucket": bucket.bucket, "broker_secrets": secrets}
        return Stream(
            connection=stream.service_url.apply(self._connected),
            name=names.stream,
            worker=Access(credentials=secrets["worker"]),
            watcher=Access(credentials=secrets["watcher"]),
            admin_url=stream.admin_url,
            bookie_url=stream.bookie_url,
        )

    def _workers_beside(self, secrets: dict[str, pulumi.Output[str]]) -> Workers:
        """Make what starts workers, in a network from which machines reach what they call."""
        names = self._names
        bucket_arn = f"arn:aws:s3:::{names.broker_bucket}"
        told = pulumi.Output.all(*(secrets[each] for each in ("brokers", "worker", "watcher")))
        return Workers(
            self._settings,
            names,
            self._base,
            interfaces={
                "ec2": pulumi.Output.from_input(
                    rights.through_ec2(names.region, names.account, names.broker_cluster)
                ),
                "secretsmanager": told.apply(rights.read_secrets),
            },
            through_s3=rights.through_s3(bucket_arn),
        )

    def _connected(self, service_url: str) -> dict[str, Any]:
        """Return how workers, producers and tests reach the topic."""
        return {
            "kind": "pulsar",
            "service_url": service_url,
            "topic": f"persistent://{TENANT}/{NAMESPACE}/{self._names.stream}"
            if self._own
            else f"persistent://{self._settings.pulsar_namespace}/{self._names.stream}",
            "subscription": self._names.worker,
        }


def _machines(settings: Settings) -> Machines:
    return Machines(
        metadata=settings.pulsar_metadata_machine,
        bookie=settings.pulsar_bookie_machine,
        broker=settings.pulsar_broker_machine,
        bookies_per_zone=settings.pulsar_bookies_per_zone,
        brokers=settings.pulsar_brokers,
        journal_gb=settings.pulsar_journal_gb,
        ledgers_gb=settings.pulsar_ledgers_gb,
    )


def _topics(settings: Settings, names: Names) -> Topics:
    backlog, offload = backlog_bytes_max(settings), settings.pulsar_offload_gb
    return Topics(
        cluster=names.broker_cluster,
        topic=names.stream,
        partitions=settings.partition_count,
        retention_minutes=settings.retention_hours * MINUTES_PER_HOUR,
        subscription=names.worker,
        backlog_bytes_max=-1 if backlog is None else backlog,
        offload_bytes=-1 if offload is None else offload * GB,
    )

"""Workers and watcher of a stream that no function reads: image, logs, network, services."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import watcher_service, worker_service
from infra.broker_ports import ports_of
from infra.deployments.foundation import Foundation
from infra.naming import Names
from infra.network import Network
from infra.policies import Statement, write_logs
from infra.policies_worker import layers_bucket, process_topic, pull_image, watch_topic
from infra.settings import SECONDS_PER_HOUR, Settings
from infra.settings_worker import WATCHER_CPU_UNITS, WATCHER_MEMORY_MB
from infra.task_service import Surroundings, TaskServiceArgs, TaskSize
from infra.watched_topic import Topic
from infra.watcher_service import WatcherService
from infra.worker_image import WorkerImage, WorkerImageArgs
from infra.worker_service import Scaling, WorkerService
from pipeline import names as seams
from pipeline.watcher.settings import Watched


@dataclass(frozen=True, kw_only=True)
class Access:
    """What lets one of the services to a stream."""

    rights: pulumi.Input[Sequence[Statement]] = ()
    """What its broker asks IAM for."""
    credentials: pulumi.Input[str] | None = None
    """Secrets Manager's ARN of what its broker asks for itself."""

    @property
    def secrets(self) -> dict[str, pulumi.Input[str]]:
        """The ARN by the variable under which a task is told what it holds."""
        arn = self.credentials
        return {} if arn is None else {seams.ENV_BROKER_CREDENTIALS: arn}


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What workers read and the watcher watches, and what that takes."""

    connection: pulumi.Input[dict[str, Any]]
    """As `pipeline.sources.connections` takes it."""
    name: str
    """What metrics call it."""
    worker: Access
    watcher: Access
    admin_url: pulumi.Input[str | None] = None
    bookie_url: pulumi.Input[str | None] = None
    """Where the watcher asks about a Pulsar's brokers and bookies."""
    wanted_topic: str | None = None
    """What workers make before they read (`pipeline.sources.wanted_topic`)."""


class Workers:
    """What starts workers and watcher, and their network; `run` and `watch` make the services."""

    network: Network

    def __init__(
        self,
        settings: Settings,
        names: Names,
        base: Foundation,
        *,
        interfaces: Mapping[str, pulumi.Input[list[Statement]]] | None = None,
        through_s3: Sequence[Statement] = (),
    ) -> None:
        """Make image, log groups, and a network with a way to whatever starts a task.

        `interfaces` and `through_s3` are what else is called from there (`Foundation.network`).
        """
        self._settings, self._names, self._base = settings, names, base
        self._image = WorkerImage(
            "worker-image",
            WorkerImageArgs(
                repository=names.worker,
                architecture=settings.architecture,
                key_arn=base.key_arn,
                build=settings.package == "aws" and settings.worker_image is None,
                destroy=settings.destroys_data,
            ),
        )
        self._worker_log = self._log_group("worker", names.worker)
        self._watcher_log = self._log_group("watcher", names.watcher)
        groups = pulumi.Output.all(self._worker_log.arn, self._watcher_log.arn)
        pulling = self._repository_arn.apply(pull_image)
        self.network = base.network(
            {
                "ecr.api": pulling,
                "ecr.dkr": pulling,
                "logs": groups.apply(
                    lambda arns: [each for arn in arns for each in write_logs(arn)]
                ),
                **(interfaces or {}),
            },
            through_s3=through_s3,
            signed_by_aws=[layers_bucket(names.region)],
        )
        if settings.broker_cidr is not None:
            self.network.open_to(settings.broker_cidr, ports_of(*settings.given_addresses))

    def run(
        self, stream: Stream, *, rollback_alarms: Sequence[pulumi.Input[str]] = ()
    ) -> WorkerService:
        """Make the service that works on a stream."""
        settings, names = self._settings, self._names
        wanted = stream.wanted_topic
        return WorkerService(
            "worker",
            names.worker_cluster,
            TaskServiceArgs(
                service=names.worker,
                container=worker_service.CONTAINER,
                command=worker_service.COMMAND,
                surroundings=self._surroundings,
                size=TaskSize(
                    architecture=settings.architecture,
                    cpu_units=settings.worker_cpu_units,
                    memory_mb=settings.worker_memory_mb,
                ),
                variables={
                    **self._variables(stream),
                    seams.ENV_WORKER_BATCH_AGE_MS: str(settings.worker_batch_ms),
                    **({} if wanted is None else {seams.ENV_WANTED_TOPIC: wanted}),
                },
                statements=self._rights(stream.worker, process_topic),
                log_group=self._worker_log,
                grace_seconds=settings.worker_grace_seconds,
                count=settings.workers_min,
                scaled=True,
                secrets=stream.worker.secrets,
                rollback_alarms=rollback_alarms,
            ),
            Scaling(
                workers_max=settings.workers_max,
                lag_max=settings.worker_lag_max,
                stream=stream.name,
            ),
        )

    def watch(self, stream: Stream, topic: Topic, cluster_arn: pulumi.Input[str]) -> WatcherService:
        """Make the service that watches a stream, in the workers' cluster."""
        settings, names = self._settings, self._names
        canary_seconds = settings.canary_seconds_max + topic.gathering_seconds
        return WatcherService(
            "watcher",
            TaskServiceArgs(
                service=names.watcher,
                container=watcher_service.CONTAINER,
                command=watcher_service.COMMAND,
                surroundings=self._surroundings,
                size=TaskSize(
                    architecture=settings.architecture,
                    cpu_units=WATCHER_CPU_UNITS,
                    memory_mb=WATCHER_MEMORY_MB,
                ),
                variables={
                    **self._variables(stream),
                    seams.ENV_CANARY_SECONDS_MAX: str(canary_seconds),
                    seams.ENV_WATCH: pulumi.Output.all(stream.admin_url, stream.bookie_url).apply(
                        lambda urls: _watched(topic, *urls)
                    ),
                },
                statements=self._rights(stream.watcher, watch_topic),
                log_group=self._watcher_log,
                grace_seconds=settings.worker_grace_seconds,
                secrets=stream.watcher.secrets,
            ),
            cluster_arn,
        )

    def _log_group(self, what: str, service: str) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            f"{what}-log-group",
            name=self._names.task_log_group(service),
            retention_in_days=self._settings.log_days,
            kms_key_id=self._base.key_arn,
        )

    @property
    def _surroundings(self) -> Surroundings:
        return Surroundings(
            region=self._names.region,
            image=self._settings.worker_image or self._image.uri,
            repository_arn=self._repository_arn,
            key_arn=self._base.key_arn,
            subnet_ids=self.network.subnet_ids,
            group_ids=[self.network.callers_group_id],
        )

    def _rights(
        self, access: Access, of_stack: Callable[..., list[Statement]]
    ) -> pulumi.Output[list[Statement]]:
        """Return what a task may do: with its stream, and with ledger, lake and key."""
        base = self._base
        return pulumi.Output.all(
            access.rights, base.ledger.table_arn, base.lake.bucket_arn, base.key_arn
        ).apply(lambda known: [*known[0], *of_stack(ledger=known[1], lake=known[2], key=known[3])])

    @property
    def _repository_arn(self) -> pulumi.Output[str]:
        """The ARN of the repository that the image comes from."""
        given = self._settings.worker_image
        if given is None:
            return self._image.repository_arn
        registry, _, image = given.partition("/")
        account, _, _, region, *_ = registry.split(".")
        name = image.partition("@")[0].partition(":")[0]
        return pulumi.Output.from_input(f"arn:aws:ecr:{region}:{account}:repository/{name}")

    def _variables(self, stream: Stream) -> dict[str, pulumi.Input[str]]:
        settings = self._settings
        connection = pulumi.Output.from_input(stream.connection)
        return {
            seams.ENV_CONNECTION: connection.apply(lambda known: json.dumps(known, sort_keys=True)),
            seams.ENV_LEDGER_TABLE: self._base.ledger.table_name,
            seams.ENV_LAKE_BUCKET: self._base.lake.bucket,
            seams.ENV_WINDOW_SECONDS: str(settings.window_seconds),
            seams.ENV_RETENTION_SECONDS: str(settings.retention_hours * SECONDS_PER_HOUR),
            seams.ENV_RUN_SECONDS_MAX: str(settings.run_seconds_max),
            seams.ENV_METRICS_NAMESPACE: seams.METRICS_NAMESPACE,
            seams.ENV_WORKER_GRACE_SECONDS: str(settings.worker_grace_seconds),
        }


def _watched(topic: Topic, admin_url: str | None, bookie_url: str | None) -> str:
    """Return what the watcher is told of the brokers that there should be."""
    return Watched(
        brokers=topic.brokers if topic.brokers_tell else None,
        bookies=topic.bookies if topic.bookies_tell else None,
        backlog_bytes_max=topic.backlog_bytes_max if topic.brokers_tell else None,
        admin_url=admin_url,
        bookie_url=bookie_url,
    ).to_json()

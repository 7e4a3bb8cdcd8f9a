"""The workers of a composition whose stream no function reads: image, log, network, service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.deployments.foundation import Foundation
from infra.naming import Names
from infra.network import Network
from infra.policies import Statement, write_logs
from infra.policies_worker import layers_bucket, process_topic, pull_image
from infra.settings import SECONDS_PER_HOUR, Settings
from infra.worker_image import WorkerImage, WorkerImageArgs
from infra.worker_service import Scaling, TaskSize, WorkerService, WorkerServiceArgs
from pipeline import names as seams


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What workers read, and what that takes."""

    connection: pulumi.Input[dict[str, Any]]
    """As `pipeline.sources.connections` takes it."""
    name: str
    """What metrics call it."""
    rights: pulumi.Input[Sequence[Statement]] = ()
    """What its broker asks IAM for."""
    secrets: dict[str, pulumi.Input[str]] = field(default_factory=dict)
    """Secrets Manager's ARNs by the variables under which a worker is told them."""


class Workers:
    """What starts workers, and the network that they are in; `run` makes the service itself."""

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
        """Make image, log group, and a network with a way to whatever starts a worker.

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
        self._log_group = aws.cloudwatch.LogGroup(
            "worker-log-group",
            name=names.task_log_group(names.worker),
            retention_in_days=settings.log_days,
            kms_key_id=base.key_arn,
        )
        pulling = self._repository_arn.apply(pull_image)
        self.network = base.network(
            {
                "ecr.api": pulling,
                "ecr.dkr": pulling,
                "logs": self._log_group.arn.apply(write_logs),
                **(interfaces or {}),
            },
            through_s3=through_s3,
            signed_by_aws=[layers_bucket(names.region)],
        )

    def run(
        self, stream: Stream, *, rollback_alarms: Sequence[pulumi.Input[str]] = ()
    ) -> WorkerService:
        """Make the service that works on a stream."""
        settings, names, base = self._settings, self._names, self._base
        rights = pulumi.Output.all(
            stream.rights, base.ledger.table_arn, base.lake.bucket_arn, base.key_arn
        ).apply(
            lambda known: [
                *known[0],
                *process_topic(ledger=known[1], lake=known[2], key=known[3]),
            ]
        )
        return WorkerService(
            "worker",
            WorkerServiceArgs(
                service=names.worker,
                cluster=names.worker_cluster,
                region=names.region,
                image=settings.worker_image or self._image.uri,
                repository_arn=self._repository_arn,
                size=TaskSize(
                    architecture=settings.architecture,
                    cpu_units=settings.worker_cpu_units,
                    memory_mb=settings.worker_memory_mb,
                ),
                scaling=Scaling(
                    workers_min=settings.workers_min,
                    workers_max=settings.workers_max,
                    lag_max=settings.worker_lag_max,
                    stream=stream.name,
                ),
                variables=self._variables(stream),
                statements=rights,
                log_group=self._log_group,
                key_arn=base.key_arn,
                subnet_ids=self.network.subnet_ids,
                group_ids=[self.network.callers_group_id],
                grace_seconds=settings.worker_grace_seconds,
                secrets=stream.secrets,
                rollback_alarms=rollback_alarms,
            ),
        )

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
            seams.ENV_WORKER_BATCH_AGE_MS: str(settings.worker_batch_ms),
            seams.ENV_WORKER_GRACE_SECONDS: str(settings.worker_grace_seconds),
        }

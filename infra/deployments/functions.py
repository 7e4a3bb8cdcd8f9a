"""What the functions of a stack share: package, variables, logs and key."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pulumi
import pulumi_aws as aws

from infra.alarm_rule import SECONDS_PER_MINUTE
from infra.deployments.foundation import Foundation
from infra.function import FunctionArgs, Package
from infra.lake import CODE_PREFIX, Lake
from infra.naming import Names
from infra.network import Network
from infra.policies import Statement
from infra.settings import Settings
from infra.stream_kinesis import KinesisStream
from pipeline import names as seams


class Rights(Protocol):
    """What a function may do, as statements made from the ARNs of the stack's parts."""

    def __call__(self, *, stream: str, ledger: str, lake: str, key: str) -> Sequence[Statement]:
        """Return the statements."""
        ...


class Functions:
    """Makes each function's arguments; the package is uploaded once for all."""

    def __init__(
        self,
        settings: Settings,
        names: Names,
        archive: Path,
        *,
        stream: KinesisStream,
        base: Foundation,
        network: Network | None,
    ) -> None:
        """Take what a stack decides and the parts that functions work on; upload `archive`."""
        self._settings = settings
        self._names = names
        self._network = network
        self._package = _uploaded(archive, base.lake, settings)
        self._key_arn = base.key_arn
        self._variables: dict[str, pulumi.Input[str]] = {
            seams.ENV_STREAM: stream.stream_name,
            seams.ENV_LEDGER_TABLE: base.ledger.table_name,
            seams.ENV_LAKE_BUCKET: base.lake.bucket,
            seams.ENV_WINDOW_SECONDS: str(settings.window_seconds),
            seams.ENV_RUN_SECONDS_MAX: str(settings.run_seconds_max),
            seams.ENV_METRICS_NAMESPACE: seams.METRICS_NAMESPACE,
            seams.ENV_CANARY_SECONDS_MAX: str(
                settings.canary_seconds_max + settings.batch_window_seconds
            ),
            # Nothing reads it where the schedule is switched off.
            seams.ENV_AUDIT_DELAY_SECONDS: str(settings.audit_delay_seconds),
            seams.ENV_AUDIT_SECONDS: str(max(1, settings.audit_minutes) * SECONDS_PER_MINUTE),
        }
        self._arns = pulumi.Output.all(
            stream=stream.stream_arn,
            ledger=base.ledger.table_arn,
            lake=base.lake.bucket_arn,
            key=base.key_arn,
        )

    def args(
        self,
        function: str,
        handler: str,
        description: str,
        rights: Rights,
        *,
        concurrency_max: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> FunctionArgs:
        """Return the arguments of one function, which may do what `rights` says.

        `more` are variables that it alone is given.
        """
        settings = self._settings
        return FunctionArgs(
            function=function,
            handler=handler,
            description=description,
            package=self._package,
            variables={**self._variables, **(more or {})},
            statements=self._arns.apply(lambda arns: rights(**arns)),
            log_group=self._names.log_group(function),
            log_days=settings.log_days,
            memory_mb=settings.memory_mb,
            run_seconds_max=settings.run_seconds_max,
            key_arn=self._key_arn,
            network=self._network,
            concurrency_max=concurrency_max,
            shifted=settings.rollout != "all_at_once",
        )


def _uploaded(archive: Path, lake: Lake, settings: Settings) -> Package:
    """Put the package where Lambda takes it from; its name is its content's."""
    digest = hashlib.sha256(archive.read_bytes())
    stored = aws.s3.BucketObjectv2(
        "package",
        bucket=lake.bucket,
        key=f"{CODE_PREFIX}{digest.hexdigest()}.zip",
        source=pulumi.FileAsset(str(archive)),
        opts=pulumi.ResourceOptions(parent=lake),
    )
    return Package(
        bucket=stored.bucket,
        key=stored.key,
        sha256=base64.b64encode(digest.digest()).decode(),
        architecture=settings.architecture,
    )

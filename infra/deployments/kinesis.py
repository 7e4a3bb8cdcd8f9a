"""The composition on Kinesis: which components there are and what each gets from the others."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import policies, processing, sweeper
from infra.alarm_rules import Objectives, rules
from infra.alarms import Alarms, AlarmsArgs
from infra.catalog import Catalog, CatalogArgs
from infra.encryption import Encryption, EncryptionArgs
from infra.function import FunctionArgs, Package
from infra.lake import CODE_PREFIX, Lake, LakeArgs
from infra.ledger import Ledger, LedgerArgs
from infra.naming import Names
from infra.processing import MappingArgs, Processing, ProcessingArgs
from infra.settings import Settings
from infra.stream_kinesis import KinesisStream, KinesisStreamArgs
from infra.sweeper import Sweeper, SweeperArgs
from pipeline import names as seams
from pipeline.contracts import CONTRACTS


class KinesisDeployment:
    """Stream, lake, ledger, functions, catalog and alarms of one stack."""

    def __init__(self, settings: Settings, names: Names, archive: Path) -> None:
        """Make all of it; `archive` is the functions' package."""
        self._settings = settings
        self._names = names
        self._encryption = Encryption(
            "encryption",
            EncryptionArgs(
                alias=names.key_alias,
                account=names.account,
                region=names.region,
                deletion_days=settings.key_deletion_days,
                retain=settings.retain_data,
            ),
        )
        key_arn = self._encryption.key_arn
        self._stream = KinesisStream(
            "stream",
            KinesisStreamArgs(
                stream=names.stream,
                mode=settings.stream_mode,
                shard_count=settings.shard_count,
                retention_hours=settings.retention_hours,
                key_arn=key_arn,
                retain=settings.retain_data,
            ),
        )
        self._lake = Lake(
            "lake",
            LakeArgs(
                bucket=names.lake_bucket,
                key_arn=key_arn,
                hidden_days=settings.hidden_days,
                noncurrent_days=settings.noncurrent_days,
                retain=settings.retain_data,
            ),
        )
        self._ledger = Ledger(
            "ledger",
            LedgerArgs(
                table=names.ledger_table,
                key_arn=key_arn,
                backup_days=settings.backup_days,
                retain=settings.retain_data,
            ),
        )
        self._package = _uploaded(archive, self._lake, settings)
        self._processing = self._make_processing()
        self._sweeper = self._make_sweeper()
        self._catalog = Catalog(
            "catalog",
            CatalogArgs(
                database=names.glue_database, bucket=self._lake.bucket, contracts=CONTRACTS
            ),
        )
        self._alarms = self._make_alarms()

    @property
    def outputs(self) -> dict[str, Any]:
        """What a client of the stack needs to know."""
        return {
            "region": self._names.region,
            "stream_name": self._stream.stream_name,
            "stream_arn": self._stream.stream_arn,
            "lake_bucket": self._lake.bucket,
            "lake_uri": pulumi.Output.concat(
                "s3://", self._lake.bucket, "/", seams.LAKE_PREFIX.rstrip("/")
            ),
            "ledger_table": self._ledger.table_name,
            "function_name": self._processing.function_name,
            "function_alias": self._processing.alias_name,
            "sweeper_function_name": self._sweeper.function_name,
            "mapping_uuid": self._processing.mapping_uuid,
            "alarms": self._alarms.alarm_names,
            "topic_arn": self._alarms.topic_arn,
            "glue_database": self._catalog.database_name,
            "key_arn": self._encryption.key_arn,
            "settings": {
                "window_seconds": self._settings.window_seconds,
                "retention_hours": self._settings.retention_hours,
                "run_seconds_max": self._settings.run_seconds_max,
            },
        }

    def _make_processing(self) -> Processing:
        settings = self._settings
        return Processing(
            "processing",
            ProcessingArgs(
                function=self._function(
                    self._names.stream_processor,
                    processing.HANDLER,
                    "Takes batches of the stream into the lake, exactly once",
                ),
                mapping=MappingArgs(
                    batch_size=settings.batch_size,
                    batch_window_seconds=settings.batch_window_seconds,
                    starting_position=settings.starting_position,
                    retry_attempts_max=settings.retry_attempts_max,
                    record_age_seconds_max=settings.record_age_seconds_max,
                    bisect_on_error=settings.bisect_on_error,
                ),
                stream_arn=self._stream.stream_arn,
                on_failure_arn=self._lake.bucket_arn,
            ),
        )

    def _make_sweeper(self) -> Sweeper:
        return Sweeper(
            "sweeper",
            SweeperArgs(
                function=self._function(
                    self._names.ledger_sweeper,
                    sweeper.HANDLER,
                    "Finishes what no further batch will",
                    concurrency_max=sweeper.CONCURRENCY_MAX,
                ),
                rule=self._names.ledger_sweeper,
            ),
        )

    def _function(
        self, function: str, handler: str, description: str, *, concurrency_max: int | None = None
    ) -> FunctionArgs:
        settings = self._settings
        return FunctionArgs(
            function=function,
            handler=handler,
            description=description,
            package=self._package,
            variables={
                seams.ENV_STREAM: self._stream.stream_name,
                seams.ENV_LEDGER_TABLE: self._ledger.table_name,
                seams.ENV_LAKE_BUCKET: self._lake.bucket,
                seams.ENV_WINDOW_SECONDS: str(settings.window_seconds),
                seams.ENV_RUN_SECONDS_MAX: str(settings.run_seconds_max),
                seams.ENV_METRICS_NAMESPACE: seams.METRICS_NAMESPACE,
            },
            statements=self._statements(),
            log_group=self._names.log_group(function),
            log_days=settings.log_days,
            memory_mb=settings.memory_mb,
            run_seconds_max=settings.run_seconds_max,
            key_arn=self._encryption.key_arn,
            concurrency_max=concurrency_max,
        )

    def _statements(self) -> pulumi.Output[Sequence[policies.Statement]]:
        """Return what processor and sweeper may do: both run the whole protocol."""
        return pulumi.Output.all(
            stream=self._stream.stream_arn,
            ledger=self._ledger.table_arn,
            lake=self._lake.bucket_arn,
            key=self._encryption.key_arn,
        ).apply(
            lambda arn: [
                *policies.read_stream(arn["stream"]),
                *policies.use_ledger(arn["ledger"]),
                *policies.use_lake(arn["lake"]),
                *policies.use_key(arn["key"]),
            ]
        )

    def _make_alarms(self) -> Alarms:
        settings = self._settings
        chosen = rules(
            Objectives(
                iterator_age_seconds_max=settings.iterator_age_seconds_max,
                retention_hours=settings.retention_hours,
                retention_percent_max=settings.retention_percent_max,
                quarantine_percent_max=settings.quarantine_percent_max,
            )
        )
        return Alarms(
            "alarms",
            AlarmsArgs(
                rules=chosen,
                names={rule.id: self._names.alarm(rule.id) for rule in chosen},
                topic=self._names.topic,
                sources={
                    "function": self._processing.function_name,
                    "stream": self._stream.stream_name,
                    "mapping": self._processing.mapping_uuid,
                    "pipeline": self._stream.stream_name,
                },
                runbooks_url=settings.runbooks_url,
                account=self._names.account,
                key_arn=self._encryption.key_arn,
                email=settings.alarm_email,
            ),
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

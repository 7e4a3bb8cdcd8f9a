"""The composition on Kinesis: which components there are and what each gets from the others."""

from pathlib import Path
from typing import Any

import pulumi

from infra import catalog, lake, ledger, policies, processing, stream_kinesis
from infra.alarm_rule import Source
from infra.alarm_rules import rules
from infra.deployments.foundation import Foundation
from infra.deployments.functions import Functions
from infra.deployments.telling import Telling
from infra.deployments.watchers import Watchers
from infra.naming import Names
from infra.network import Network
from infra.processing import MappingArgs, Processing, ProcessingArgs
from infra.settings import Settings
from infra.stream_kinesis import KinesisStream, KinesisStreamArgs
from pipeline.domain.contracts import MEASURES


class KinesisDeployment:
    """Stream, lake, ledger, functions, catalog, alarms and dashboard of one stack."""

    def __init__(self, settings: Settings, names: Names, archive: Path) -> None:
        """Make all of it; `archive` is the functions' package."""
        self._settings = settings
        self._names = names
        self._base = Foundation(settings, names)
        self._stream = KinesisStream(
            "stream",
            KinesisStreamArgs(
                stream=names.stream,
                mode=settings.stream_mode,
                shard_count=settings.shard_count,
                scaled=settings.scaling is not None,
                retention_hours=settings.retention_hours,
                key_arn=self._base.key_arn,
                retain=settings.retain_data,
            ),
        )
        self._network = self._make_network()
        self._functions = Functions(
            settings,
            names,
            archive,
            stream=self._stream,
            base=self._base,
            network=self._network,
        )
        self._processing = self._make_processing()
        self._watchers = Watchers(settings, names, self._functions)
        self._telling = Telling(
            settings,
            names,
            self._base.key_arn,
            rules=rules(settings.objectives),
            sources=self._sources,
            panels=(
                self._watchers.panel,
                stream_kinesis.PANEL,
                processing.PANEL,
                lake.PANEL,
                ledger.PANEL,
                catalog.panel(MEASURES),
            ),
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """What a client of the stack needs to know."""
        return {
            **self._base.outputs,
            **({} if self._network is None else self._network.outputs),
            "stream_name": self._stream.stream_name,
            "stream_arn": self._stream.stream_arn,
            "function_name": self._processing.function_name,
            "function_alias": self._processing.alias_name,
            **self._watchers.outputs,
            "mapping_uuid": self._processing.mapping_uuid,
            **self._telling.outputs,
            "settings": {
                "window_seconds": self._settings.window_seconds,
                "retention_hours": self._settings.retention_hours,
                "run_seconds_max": self._settings.run_seconds_max,
                "concurrency_max": self._settings.concurrency_max,
                "scales_shards": self._settings.scales_shards,
                "rollout": self._settings.rollout,
                "rollout_percent": self._settings.rollout_percent,
                "rollout_minutes": self._settings.rollout_minutes,
            },
        }

    def _make_network(self) -> Network | None:
        """Make a network if the stack wants one: the functions' code calls nothing but these."""
        if self._settings.network == "none":
            return None
        scaled = self._settings.scaling is not None
        return self._base.network(
            {
                "kinesis-streams": self._stream.stream_arn.apply(
                    lambda arn: [
                        *policies.read_stream(arn),
                        *policies.send_canaries(arn),
                        *(policies.change_shards(arn) if scaled else ()),
                    ]
                ),
                **({"monitoring": policies.read_metrics()} if scaled else {}),
            }
        )

    def _make_processing(self) -> Processing:
        settings = self._settings
        return Processing(
            "processing",
            ProcessingArgs(
                function=self._functions.args(
                    self._names.stream_processor,
                    processing.HANDLER,
                    "Takes batches of the stream into the lake, exactly once",
                    policies.process_events,
                    concurrency_max=settings.concurrency_max,
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
                on_failure_arn=self._base.lake.bucket_arn,
            ),
        )

    @property
    def _sources(self) -> dict[Source, pulumi.Input[str]]:
        """Return the value of each source's dimension, for alarms and dashboard."""
        return {
            "function": self._processing.function_name,
            "stream": self._stream.stream_name,
            "mapping": self._processing.mapping_uuid,
            "table": self._base.ledger.table_name,
            "pipeline": self._stream.stream_name,
            **self._watchers.sources,
        }

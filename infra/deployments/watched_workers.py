"""Workers and watcher of a topic, and what tells of them: all that is alike on any broker."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from infra import catalog, lake, ledger, watcher_service, worker_service
from infra.alarm_rule import Source
from infra.alarm_rules_worker import worker_rules
from infra.deployments.foundation import Foundation
from infra.deployments.telling import Telling
from infra.deployments.workers import Stream, Workers
from infra.naming import Names
from infra.settings import Settings
from infra.watched_topic import topic_of
from infra.widget import Panel
from pipeline.domain.contracts import MEASURES

ROLLED_BACK_BY: Final = ("oldest-event-age", "quarantine-rate")
"""Alarms that a release may cause: workers that stand still, and good events set aside."""


class WatchedWorkers:
    """The services on a stream, its alarms, pages, budget and dashboard."""

    def __init__(
        self,
        settings: Settings,
        names: Names,
        base: Foundation,
        *,
        brokers: Mapping[Source, pulumi.Input[str]] | None = None,
        panels: Sequence[Panel] = (),
    ) -> None:
        """Make what tells of workers.

        `brokers` are the values of the dimensions that `panels`, of the broker, name.
        """
        self._settings, self._names, self._base = settings, names, base
        self._topic = topic_of(settings)
        self._telling = Telling(
            settings,
            names,
            base.key_arn,
            rules=worker_rules(settings.objectives, self._topic),
            sources={
                "pipeline": names.stream,
                "table": base.ledger.table_name,
                "workers": names.worker_cluster,
                **(brokers or {}),
            },
            panels=(
                watcher_service.panel(self._topic),
                worker_service.panel(names.worker),
                *panels,
                lake.PANEL,
                ledger.PANEL,
                catalog.panel(MEASURES),
            ),
        )

    def run(self, workers: Workers, stream: Stream) -> dict[str, Any]:
        """Make the services; return what a client of the stack needs to know."""
        settings = self._settings
        service = workers.run(
            stream, rollback_alarms=[self._telling.alarm(rule) for rule in ROLLED_BACK_BY]
        )
        watcher = workers.watch(stream, self._topic, service.cluster.arn)
        return {
            **self._base.outputs,
            **workers.network.outputs,
            "stream_name": self._names.stream,
            "connection": stream.connection,
            "worker_cluster": service.cluster.name,
            "worker_service": service.service_name,
            "watcher_service": watcher.service_name,
            **self._telling.outputs,
            "settings": {
                "window_seconds": settings.window_seconds,
                "retention_hours": settings.retention_hours,
                "run_seconds_max": settings.run_seconds_max,
                "partition_count": settings.partition_count,
            },
        }

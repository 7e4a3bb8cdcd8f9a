"""How many batches, files and function runs a load makes."""

from dataclasses import dataclass

from infra.costs import figures
from infra.costs.line import HOURS_PER_MONTH, SECONDS_PER_MONTH
from infra.costs.load import Load
from infra.costs.stream import shards_of
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The batches of one stack under one load; `tables` files come of each."""

    settings: Settings
    load: Load
    tables: int

    @property
    def on_topic(self) -> bool:
        """Whether workers take events from brokers; else functions do, from Kinesis."""
        return self.settings.stream != "kinesis"

    @property
    def shards(self) -> int:
        """How many shards or partitions make batches, each its own."""
        if self.on_topic:
            return self.settings.partition_count
        return shards_of(self.settings, self.load)

    @property
    def a_second(self) -> float:
        """Batches a second.

        A shard's batch ends with the window, or once it is full by records or by bytes, whichever
        is first (Lambda developer guide, "services-kinesis-parameters"); a shard with less than a
        record a window makes a batch of each. So with partitions, by the workers' own rules: a
        batch gathers while the one before it is taken, for a partition has one take at a time.
        """
        if self.on_topic:
            take_seconds = (figures.CALLS_MS + figures.BATCH_CPU_MS) / 1_000
            gathered = max(self.settings.worker_batch_ms / 1_000, take_seconds)
            by_age = min(self.shards / gathered, self.load.records)
            full = self.load.bytes_in / figures.WORKER_BATCH_BYTES
            return max(by_age, self.load.records / figures.WORKER_BATCH_RECORDS, full)
        by_window = min(self.shards / self.settings.batch_window_seconds, self.load.records)
        by_records = self.load.records / self.settings.batch_size
        return max(by_window, by_records, self.load.bytes_in / figures.PAYLOAD_BYTES)

    @property
    def a_month(self) -> float:
        """Batches a month."""
        return self.a_second * SECONDS_PER_MONTH

    @property
    def events_a_month(self) -> float:
        """Events a month."""
        return self.load.rate * SECONDS_PER_MONTH

    @property
    def files_a_month(self) -> float:
        """Files that become visible in a month: at most one of each event."""
        return min(self.a_month * self.tables, self.events_a_month)

    @property
    def watches_a_month(self) -> float:
        """Runs of sweeper and probe, one a minute each, of the auditor, and of a scaler.

        On a topic the watcher's looks, one a minute: workers sweep for themselves.
        """
        if self.on_topic:
            return self._minutes
        return self._minutes * 2 + self.audits_a_month + self.scalings_a_month

    @property
    def audits_a_month(self) -> float:
        """Runs of the auditor."""
        every = self.settings.audit_minutes
        return self._minutes / every if every else 0

    @property
    def scalings_a_month(self) -> float:
        """Runs of the scaler, one a minute where there is one."""
        return self._minutes if self.settings.scales_shards else 0

    @property
    def _minutes(self) -> float:
        return HOURS_PER_MONTH * 60

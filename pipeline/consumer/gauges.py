"""The worker's figures in Prometheus' text, served at /metrics."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from pipeline.consumer.health import Snapshot
from pipeline.core.records import ShardId
from pipeline.meter import Meter

SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Bounds of what a take, and an event on its way to the lake, may last."""


class Gauges:
    """Counters, gauges and histograms of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        ProcessCollector(registry=registry)
        self._events = Counter(
            "sluice_events",
            "Events committed, by what became of them.",
            ["fate"],
            registry=registry,
        )
        self._files = Counter("sluice_files", "Files published.", registry=registry)
        self._bytes = Counter("sluice_file_bytes", "Bytes published.", registry=registry)
        self._conflicts = Counter(
            "sluice_conflicts", "Attempts that lost their head to another.", registry=registry
        )
        self._to_lake = Histogram(
            "sluice_arrival_to_queryable_seconds",
            "From arrival at the stream to a visible file, sampled.",
            buckets=SECONDS,
            registry=registry,
        )
        self.takes = Counter("sluice_takes", "Takes by their end.", ["end"], registry=registry)
        self.take_seconds = Histogram(
            "sluice_take_seconds", "How long a take lasts.", buckets=SECONDS, registry=registry
        )
        self._partitions = Gauge("sluice_partitions", "Partitions assigned.", registry=registry)
        self._paused = Gauge(
            "sluice_paused_partitions", "Partitions not fetched.", registry=registry
        )
        self._buffer_bytes = Gauge(
            "sluice_buffer_bytes", "Memory of records fetched, uncommitted.", registry=registry
        )
        self._oldest_seconds = Gauge(
            "sluice_oldest_held_age_seconds",
            "Age of the oldest record fetched and not committed.",
            registry=registry,
        )
        self._oldest_event_seconds = Gauge(
            "sluice_oldest_event_age_seconds",
            "Since the arrival at the stream of the oldest record fetched and not committed.",
            registry=registry,
        )
        self._lag = Gauge(
            "sluice_lag_records",
            "Records after the committed one.",
            ["partition"],
            registry=registry,
        )

    def count(self, meter: Meter) -> None:
        """Add what one take or sweep published."""
        counts = meter.counts
        for fate, number in (
            ("stored", counts.stored),
            ("duplicate", counts.duplicates),
            ("quarantined", counts.quarantined),
        ):
            self._events.labels(fate).inc(max(0, number))
        self._files.inc(meter.files)
        self._bytes.inc(meter.bytes)
        self._conflicts.inc(meter.conflicts)
        for age_ms in meter.ages_ms:
            self._to_lake.observe(age_ms / 1000)

    def see(
        self, snapshot: Snapshot, *, lags: Mapping[ShardId, int], held_ms: int, buffered: int
    ) -> None:
        """Show a moment of the loop; partitions that went are shown no more."""
        self._partitions.set(len(snapshot.partitions))
        self._paused.set(sum(view.paused for view in snapshot.partitions))
        self._buffer_bytes.set(buffered)
        self._oldest_seconds.set(held_ms / 1000)
        self._oldest_event_seconds.set(snapshot.event_age_ms / 1000)
        self._lag.clear()
        for shard, lag in lags.items():
            self._lag.labels(shard).set(lag)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

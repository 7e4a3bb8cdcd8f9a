"""The worker's process between its start and its end: the loop, its timers, its health."""

import gc
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline import metrics
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.health import Health, HealthRules, Snapshot, judge
from pipeline.consumer.loop import Loop
from pipeline.consumer.pool import Pool
from pipeline.consumer.takes import Takes
from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from pipeline.metric_log import MetricLog, sampled
from pipeline.metrics import Metric, Value

log = logging.getLogger("sluice.worker")

Lag = Callable[[ShardId, Position | None], int | None]

SPREAD: Final = 0.5
"""A period is drawn from half to one and a half: workers that start together drift apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How often a worker sweeps and reports, in ms."""

    sweep_ms: int
    report_ms: int


class Service:
    """One worker's life. `clock_ms` is monotonic; `lag` may be asked from any thread."""

    def __init__(
        self,
        *,
        loop: Loop,
        takes: Takes,
        pool: Pool,
        gauges: Gauges,
        metric_log: MetricLog,
        lag: Lag,
        periods: Periods,
        health: HealthRules,
        clock_ms: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._takes = takes
        self._pool = pool
        self._gauges = gauges
        self._metric_log = metric_log
        self._lag = lag
        self._periods = periods
        self._health = health
        self._clock_ms = clock_ms
        self._chance = chance
        self._sweeping: Future[OperatingError | None] | None = None
        self._reporting: Future[None] | None = None
        self._sweep_at_ms = clock_ms() + self._spread(periods.sweep_ms)
        self._report_at_ms = clock_ms() + periods.report_ms

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, then leave in good order.

        Raises BrokenInvariant, and any defect: the process is to end, and takes that were under way
        have had their grace.
        """
        try:
            while not stop.is_set():
                self._loop.step()
                self._sweep()
                self._report()
        finally:
            self._loop.leave()
            self._write(self._loop.snapshot, lags={})

    def health(self) -> Health:
        """Return how the worker is; from any thread."""
        return judge(self._loop.snapshot, self._health, now_ms=self._clock_ms())

    def _sweep(self) -> None:
        """Start a sweep when its time has come, beside the takes but not beside a suspect's."""
        if self._sweeping is not None and self._sweeping.done():
            trouble = self._sweeping.result()
            if trouble is not None:
                log.warning("the sweep met trouble: %s", trouble)
            self._sweeping, self._loop.sweeping = None, False
        if (
            self._sweeping is None
            and self._clock_ms() >= self._sweep_at_ms
            and not self._loop.alone
        ):
            self._sweeping = self._pool.submit(self._takes.sweep)
            self._loop.sweeping = True
            self._sweep_at_ms = self._clock_ms() + self._spread(self._periods.sweep_ms)

    def _spread(self, period_ms: int) -> int:
        return round(period_ms * (1 - SPREAD + 2 * SPREAD * self._chance()))

    def _report(self) -> None:
        if self._reporting is not None and self._reporting.done():
            self._reporting.result()
            self._reporting = None
        if self._reporting is None and self._clock_ms() >= self._report_at_ms:
            self._report_at_ms = self._clock_ms() + self._periods.report_ms
            self._reporting = self._pool.submit(partial(self._measure, self._loop.snapshot))

    def _measure(self, snapshot: Snapshot) -> None:
        """Ask the stream how far it is ahead, and write all figures.

        A call that found no store leaves what it was to send in a cycle of few objects: by their
        count alone the collector would let hundreds of batches pile up (`COLLECT_AFTER`).
        """
        gc.collect()
        lags: dict[ShardId, int] = {}
        for view in snapshot.partitions:
            try:
                lag = self._lag(view.shard, view.committed)
            except OperatingError as error:
                log.warning("%s does not say how far it is ahead: %s", view.shard, error)
                continue
            if lag is not None:
                lags[view.shard] = lag
        self._write(snapshot, lags=lags)

    def _write(self, snapshot: Snapshot, *, lags: dict[ShardId, int]) -> None:
        meter, durations_ms = self._takes.reported()
        buffered = sum(view.size_bytes for view in snapshot.partitions)
        held_ms = max(0, snapshot.taken_ms - snapshot.oldest_since_ms)
        more: dict[Metric, Value] = {
            metrics.WORKER_BUFFER: buffered,
            metrics.WORKER_HELD_MS: held_ms,
        }
        if durations_ms:
            more[metrics.BATCH_MS] = sampled(durations_ms)
        if lags:
            more[metrics.WORKER_LAG] = sum(lags.values())
        self._gauges.see(snapshot, lags=lags, held_ms=held_ms, buffered=buffered)
        shards = sorted(view.shard for view in snapshot.partitions)
        meter.write(self._metric_log, more=more, properties={"shards": shards})

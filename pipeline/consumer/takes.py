"""What a worker does off the polling thread: takes, looks at the ledger, sweeps; and its counts."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pipeline.consumer.gauges import Gauges
from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError, Refused
from pipeline.ledger.state import Head, TakeOutcome
from pipeline.meter import Meter
from pipeline.worker import Worker

LOOKS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the ledger says that a shard stands; a suspect's latest attempt left no word."""

    committed: Position | None
    suspect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How a take ended; `suspect` is whether the next one is to run alone."""

    outcome: TakeOutcome
    suspect: bool


class Takes:
    """The worker's verbs as jobs, safe in several threads; one at a time for each shard.

    Each job returns an OperatingError as its answer: the world's trouble ends no process. What else
    it raises is a defect, and ends it.
    """

    def __init__(
        self, worker: Worker, *, run_ms_max: int, clock_ms: Callable[[], int], gauges: Gauges
    ) -> None:
        self._worker = worker
        self._run_ms_max = run_ms_max
        self._clock_ms = clock_ms
        self._gauges = gauges
        self._meter = Meter()
        self._durations_ms: list[float] = []
        self._lock = threading.Lock()

    def take(
        self, shard: ShardId, records: Sequence[Record], *, suspect: bool
    ) -> Taken | OperatingError:
        """Take a batch; a suspect's head is read again, to see whether it still is one."""
        started_ms = self._clock_ms()
        try:
            with self._metered() as meter:
                outcome = self._worker.take(
                    shard,
                    records,
                    deadline_ms=started_ms + self._run_ms_max,
                    watch=meter.saw,
                )
                meter.lost_ends += outcome.lost_ends
            still = suspect and is_suspect(self._worker.ledger.read_head(shard))
        except OperatingError as error:
            self._gauges.takes.labels("trouble").inc()
            return error
        duration_ms = self._clock_ms() - started_ms
        self._gauges.takes.labels("done").inc()
        self._gauges.take_seconds.observe(duration_ms / 1000)
        with self._lock:
            self._durations_ms.append(duration_ms)
        return Taken(outcome=outcome, suspect=still)

    def locate(self, shard: ShardId) -> Located | OperatingError:
        """Ask the ledger where a shard stands."""
        try:
            head = self._worker.ledger.read_head(shard)
        except OperatingError as error:
            return error
        return Located(
            committed=head.committed if head is not None else None, suspect=is_suspect(head)
        )

    def locate_all(self, shards: Sequence[ShardId]) -> Mapping[ShardId, Located | OperatingError]:
        """Ask the ledger where shards stand, many at once."""
        if not shards:
            return {}
        with ThreadPoolExecutor(max_workers=min(LOOKS_AT_ONCE, len(shards))) as pool:
            return dict(zip(shards, pool.map(self.locate, shards), strict=True))

    def sweep(self) -> OperatingError | None:
        """Finish on every shard what no batch will finish (T5)."""
        try:
            with self._metered() as meter:
                deadline_ms = self._clock_ms() + self._run_ms_max
                for outcome in self._worker.sweep(deadline_ms=deadline_ms, watch=meter.saw):
                    meter.lost_ends += outcome.lost_ends
        except OperatingError as error:
            return error
        return None

    def forget(self, shard: ShardId) -> None:
        """Let go of what was kept warm for a shard that another worker has now."""
        self._worker.forget(shard)

    def reported(self) -> tuple[Meter, Sequence[float]]:
        """Return what was counted and how long the takes were, in ms, since this was last asked."""
        with self._lock:
            meter, self._meter = self._meter, Meter()
            durations_ms, self._durations_ms = self._durations_ms, []
        return meter, durations_ms

    @contextmanager
    def _metered(self) -> Iterator[Meter]:
        """Count what one job publishes, also when it raises: it stays published."""
        meter = Meter()
        try:
            yield meter
        except Refused:
            meter.conflicts += 1
            raise
        finally:
            self._gauges.count(meter)
            with self._lock:
                self._meter.add(meter)


def is_suspect(head: Head | None) -> bool:
    """Return whether an attempt at a shard ended without a word, or may be alive elsewhere."""
    opened = head.open_range if head is not None else None
    return head is not None and (head.limit is not None or bool(opened and opened.tokens))

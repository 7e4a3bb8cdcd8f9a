"""The watcher's life: every part of the look, once a period, whatever becomes of the others."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Final

from pipeline.consumer.health import Health
from pipeline.consumer.pool import Pool
from pipeline.metric_log import MetricLog
from pipeline.probe import Found, Part, tried

log = logging.getLogger("sluice.watcher")

LOOK_SECONDS: Final = 0.1
"""How often it looks whether a part has ended or is due."""


class Watch:
    """Runs each part as a job of its own: one that hangs keeps none from being written.

    A part that is still under way when its time comes is not started beside itself. The first look
    is `first_ms` from now. `clock_ms` is monotonic; the pool has a thread a part.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        *,
        metric_log: MetricLog,
        pool: Pool,
        period_ms: int,
        silence_ms_max: int,
        grace_ms: int,
        clock_ms: Callable[[], int],
        first_ms: int = 0,
    ) -> None:
        self._parts = parts
        self._metric_log = metric_log
        self._pool = pool
        self._period_ms = period_ms
        self._silence_ms_max = max(silence_ms_max, 3 * period_ms)
        self._grace_ms = grace_ms
        self._clock_ms = clock_ms
        self._due_ms = clock_ms() + first_ms
        self._ended_ms = dict.fromkeys(parts, clock_ms())
        self._running: dict[str, Future[Found]] = {}
        self._told: dict[str, str] = {}
        self._defect: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop, then let what is under way end within its grace.

        Raises a defect of a part, or a person's mistake, once the others have ended too.
        """
        while not stop.is_set() and self._defect is None:
            self.step()
            stop.wait(LOOK_SECONDS)
        self._pool.wait(self._running.values(), seconds_max=self._grace_ms / 1000)
        self._collect()
        if self._defect is not None:
            raise self._defect

    def step(self) -> None:
        """Write what parts have found that ended, and start those that are due."""
        self._collect()
        if self._clock_ms() < self._due_ms:
            return
        for name, part in self._parts.items():
            if name not in self._running:
                self._running[name] = self._pool.submit(partial(tried, part))
        missed = (self._clock_ms() - self._due_ms) // self._period_ms
        self._due_ms += (missed + 1) * self._period_ms

    def health(self) -> Health:
        """Return how the watcher is; from any thread. A part that never ends is ill health.

        Trouble with brokers or lake is not: to tell of it is what the watcher is for.
        """
        now_ms = self._clock_ms()
        silences_ms = {name: now_ms - ended_ms for name, ended_ms in self._ended_ms.items()}
        most = self._silence_ms_max
        reasons = [
            f"{name} has not ended for {silence_ms // 1000} s, over {most // 1000} s"
            for name, silence_ms in silences_ms.items()
            if silence_ms > most
        ]
        parts = {
            name: {"silence_seconds": silence_ms / 1000, "trouble": self._told.get(name)}
            for name, silence_ms in silences_ms.items()
        }
        return Health(
            healthy=not reasons,
            document={"healthy": not reasons, "reasons": reasons, "parts": parts},
        )

    def _collect(self) -> None:
        for name, future in list(self._running.items()):
            if not future.done():
                continue
            del self._running[name]
            self._ended_ms[name] = self._clock_ms()
            defect = future.exception()
            if defect is not None:
                self._defect = self._defect or defect
                continue
            found = future.result()
            found.write(self._metric_log)
            self._tell(name, None if found.trouble is None else str(found.trouble))

    def _tell(self, name: str, trouble: str | None) -> None:
        """Say a trouble when it is new: the same words of several parts, or again, say no more."""
        if trouble is None:
            if self._told.pop(name, None) is not None:
                log.info("%s: well again", name)
            return
        if trouble not in self._told.values():
            log.warning("%s: %s", name, trouble)
        self._told[name] = trouble

"""CloudWatch's minute: what was counted is stored, then every alarm is evaluated."""

import logging
import math
import threading
import time
from typing import Final

from infra.local.cloudwatch import alarms, counters
from infra.local.cloudwatch.counters import Counters

LAG_MINUTES: Final = 0.05
"""How long after a minute's end it is looked at: others publish theirs meanwhile."""
KEPT_MARGIN_MINUTES: Final = 10.0

_log = logging.getLogger(__name__)


def tick(counted: Counters, *, at: float, minute_seconds: float) -> None:
    """Do what CloudWatch does at the end `at`, in seconds, of a minute."""
    counted.flush(at=at - minute_seconds / 2)
    reach = alarms.reach_seconds(minute_seconds=minute_seconds)
    kept = max(counters.KEPT_SECONDS_MIN, reach + KEPT_MARGIN_MINUTES * minute_seconds)
    counters.forget(before=at - kept)
    alarms.evaluate_all(at=at, minute_seconds=minute_seconds)


def start(counted: Counters, *, minute_seconds: float) -> None:
    """Tick at every minute's end, counted from the epoch, as long as the process lives."""

    def run() -> None:
        lag = LAG_MINUTES * minute_seconds
        pause = threading.Event()
        while True:
            at = (math.floor((time.time() - lag) / minute_seconds) + 1) * minute_seconds
            pause.wait(max(0.0, at + lag - time.time()))
            try:
                tick(counted, at=at, minute_seconds=minute_seconds)
            except Exception:
                _log.exception("a minute of CloudWatch failed")

    threading.Thread(target=run, daemon=True, name="cloudwatch").start()

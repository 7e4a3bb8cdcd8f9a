"""Metrics counted in the emulator's process: one statistic set a minute, however much happens."""
# ruff: noqa: SLF001 - writing to the pinned version's own store is this module's purpose

import threading
from collections.abc import Mapping
from typing import Final

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch

KEPT_SECONDS_MIN: Final = 3 * 3_600.0
"""What is kept of points at least: CloudWatch too keeps the finest ones for three hours only."""

Dimension = tuple[str, str]
"""The name and value of a metric's one dimension."""
_Key = tuple[str, str, str, str, str, Dimension]


class Counters:
    """Sums, counts and bounds of what was observed since the last flush; safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[_Key, list[float]] = {}

    def observe(
        self, namespace: str, dimension: Dimension, values: Mapping[str, tuple[float, str]]
    ) -> None:
        """Note values (and units) by metric name, for the account and region at work."""
        scope = get_account_id(), get_region()
        with self._lock:
            for name, (value, unit) in values.items():
                key = (*scope, namespace, name, unit, dimension)
                found = self._sets.get(key)
                if found is None:
                    self._sets[key] = [1, value, value, value]
                    continue
                found[0] += 1
                found[1] += value
                found[2] = min(found[2], value)
                found[3] = max(found[3], value)

    def flush(self, *, at: float) -> None:
        """Store what was observed, under the moment `at` in seconds, and start anew."""
        with self._lock:
            sets, self._sets = self._sets, {}
        names = ("SampleCount", "Sum", "Minimum", "Maximum")
        for (account, region, namespace, name, unit, dimension), values in sets.items():
            with request_scope(account, region):
                cloudwatch._store_datum(
                    namespace,
                    name,
                    dict([dimension]),
                    at,
                    unit,
                    value=None,
                    values=None,
                    counts=None,
                    stat_values=dict(zip(names, values, strict=True)),
                )


def forget(*, before: float) -> None:
    """Drop stored points older than `before`.

    In place and from the front alone, for functions' threads append at the same time.
    """
    for points in list(cloudwatch._metrics._data.values()):
        old = 0
        while old < len(points) and points[old]["Timestamp"] < before:
            old += 1
        del points[:old]


def install() -> None:
    """Leave forgetting to `forget`: ministack's rebuilds every list at each request."""
    cloudwatch._evict_old_metrics = lambda: None

"""Which settings drive the bill: the month's difference when one of them is changed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from infra.costs.estimate import Case, estimate
from infra.costs.stream import shards_needed
from infra.settings import Settings

WORTH_USD: Final = 0.01

TRIED: Final[dict[str, tuple[Any, ...]]] = {
    "batch_window_seconds": (1, 5, 30, 60),
    "retention_hours": (24, 168),
    "stream_mode": ("provisioned", "on_demand"),
    "memory_mb": (885, 1_769),
    "architecture": ("arm64", "x86_64"),
    "audit_minutes": (0, 5, 60),
    "backup_days": (7, 35),
    "log_days": (7, 30, 365),
    "workers_min": (1, 3),
    "kafka_brokers_per_zone": (1, 2),
    "kafka_volume_gb": (100, 500),
    "pulsar_bookies_per_zone": (1, 2),
    "pulsar_brokers": (3, 6),
    "pulsar_ledgers_gb": (100, 500),
}
"""What each setting is tried at; `shard_count` is tried at what the load needs."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """One setting at another value, and what the month then costs more (or less, below 0)."""

    setting: str
    now: Any
    tried: Any
    usd: float


def drivers(case: Case) -> tuple[Driver, ...]:
    """Return the changes that move the bill, the greatest first."""
    before = estimate(case).usd
    found = [
        Driver(
            setting=name,
            now=getattr(case.settings, name),
            tried=value,
            usd=estimate(replace(case, settings=settings)).usd - before,
        )
        for name, value, settings in _changed(case)
    ]
    told = (driver for driver in found if abs(driver.usd) >= WORTH_USD)
    return tuple(sorted(told, key=lambda driver: -abs(driver.usd)))


def _changed(case: Case) -> Iterator[tuple[str, Any, Settings]]:
    """Yield setting, value and the settings with it; what contradicts the others is not tried."""
    tried = {**TRIED, "shard_count": (shards_needed(case.load),)}
    given = case.settings.model_dump(exclude_unset=True)
    for name, values in tried.items():
        for value in values:
            if value == getattr(case.settings, name):
                continue
            changed = {**given, name: value}
            if changed.get("stream_mode") == "on_demand":
                if name == "shard_count":
                    continue
                changed.pop("shard_count", None)
            try:
                yield name, value, Settings.model_validate(changed)
            except ValueError:
                continue

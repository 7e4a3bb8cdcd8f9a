"""What workers cost on Fargate, as many as the load's CPU time asks for, and their watcher."""

import math

from infra.costs import figures
from infra.costs.batches import Batches
from infra.costs.line import HOURS_PER_MONTH, KB, Line
from infra.costs.prices import Prices
from infra.settings_worker import WATCHER_CPU_UNITS, WATCHER_MEMORY_MB

CPU_UNITS = 1_024
"""One whole CPU (ECS developer guide, "Task size")."""


def workers_needed(batches: Batches) -> int:
    """Return the workers whose CPUs the load fills: by measured time a batch and an event."""
    busy_ms = batches.a_second * figures.BATCH_CPU_MS + batches.load.rate * figures.EVENT_CPU_MS
    return max(1, math.ceil(busy_ms / 1_000 * CPU_UNITS / batches.settings.worker_cpu_units))


def workers(batches: Batches, prices: Prices) -> list[Line]:
    """Return the lines of workers, within their bounds, and watcher: CPU and memory by the hour."""
    settings = batches.settings
    count = min(max(workers_needed(batches), settings.workers_min), settings.workers_max)
    running = (
        ("workers", count, settings.worker_cpu_units, settings.worker_memory_mb),
        ("watcher", 1, WATCHER_CPU_UNITS, WATCHER_MEMORY_MB),
    )
    return [
        Line(resource=resource, quantity=tasks * HOURS_PER_MONTH * size, price=prices[key])
        for resource, tasks, cpu_units, memory_mb in running
        for size, key in (
            (cpu_units / CPU_UNITS, f"fargate_cpu_hour_{settings.architecture}"),
            (memory_mb / KB, f"fargate_gb_hour_{settings.architecture}"),
        )
    ]

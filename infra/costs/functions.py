"""What the functions cost: requests, and GB-seconds from measured CPU time and awaited calls."""

from infra.costs import figures
from infra.costs.batches import Batches
from infra.costs.line import KB, Line
from infra.costs.prices import Prices
from infra.settings import Settings


def functions(batches: Batches, prices: Prices) -> list[Line]:
    """Return the lines of stream processor, sweeper, probe and auditor."""
    settings = batches.settings
    compute = f"lambda_gb_second_{settings.architecture}"
    taking = batches.a_month * figures.CALLS_MS + slowed(
        settings,
        batches.a_month * figures.BATCH_CPU_MS + batches.events_a_month * figures.EVENT_CPU_MS,
    )
    watching = batches.watches_a_month * figures.WATCH_MS
    if settings.audit_minutes:
        watching += slowed(settings, batches.events_a_month * figures.EVENT_CPU_MS)
    return [
        Line(resource="functions", quantity=quantity, price=prices[key])
        for quantity, key in (
            (batches.a_month + batches.watches_a_month, "lambda_request"),
            (gb_seconds(settings, taking + watching), compute),
        )
    ]


def slowed(settings: Settings, cpu_ms: float) -> float:
    """Return how long CPU time takes: more where the memory buys less than a whole CPU."""
    return cpu_ms * max(1.0, figures.WHOLE_CPU_MB / settings.memory_mb)


def gb_seconds(settings: Settings, duration_ms: float) -> float:
    """Return what a duration is billed as."""
    return duration_ms / 1_000 * settings.memory_mb / KB

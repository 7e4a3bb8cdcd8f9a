"""What a Kinesis stream costs, with shards or on demand."""

import math
from typing import Final

from infra.costs.line import GB, HOURS_PER_MONTH, KB, MB, SECONDS_PER_MONTH, Line
from infra.costs.load import Load
from infra.costs.prices import Prices
from infra.settings import Settings

PUT_UNIT_BYTES: Final = 25 * KB
SHARD_BYTES: Final = MB
SHARD_RECORDS: Final = 1_000
"""Kinesis developer guide, "Quotas and limits": what one shard takes a second."""
ON_DEMAND_SHARDS_MIN: Final = 4
ON_DEMAND_HEADROOM: Final = 2
"""An on-demand stream starts with room for 4 MB/s and keeps twice its peak (Kinesis developer
guide, "Choose the right data stream mode")."""
DAY_HOURS: Final = 24
WEEK_HOURS: Final = 168
"""Retention is priced by these: a day comes with the stream, up to a week is extended, more is
long-term (Amazon Kinesis Data Streams pricing)."""


def shards_needed(load: Load) -> int:
    """Return the shards that take the load: by bytes or by records, whichever asks for more."""
    by_records = math.ceil(load.records / SHARD_RECORDS)
    return max(1, by_records, math.ceil(load.bytes_in / SHARD_BYTES))


def shards_of(settings: Settings, load: Load) -> int:
    """Return the shards that the estimate counts: the stack's, or more where the load needs more.

    An on-demand stream opens its own.
    """
    needed = shards_needed(load)
    if settings.stream_mode == "on_demand":
        return max(ON_DEMAND_SHARDS_MIN, ON_DEMAND_HEADROOM * needed)
    return max(settings.shard_count, needed)


def stream(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Return the stream's lines."""
    if settings.stream_mode == "on_demand":
        return _on_demand(settings, load, prices)
    return provisioned(settings, load, prices, shards=shards_of(settings, load))


def provisioned(settings: Settings, load: Load, prices: Prices, *, shards: int) -> list[Line]:
    """Return the lines of a stream with shards: hours, PUT payload units, retention."""
    units = load.chunks(PUT_UNIT_BYTES) * SECONDS_PER_MONTH
    lines = [
        _line(shards * HOURS_PER_MONTH, prices, "kinesis_shard_hour"),
        _line(units, prices, "kinesis_put_unit"),
    ]
    if settings.retention_hours > DAY_HOURS:
        lines.append(_line(shards * HOURS_PER_MONTH, prices, "kinesis_extended_shard_hour"))
    return [*lines, *_long_term(settings, load, prices)]


def _on_demand(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Return the lines of a stream that grows by itself: hours, GB in and out, retention.

    Records are rounded up to 1 KB on their way in; the mapping reads all once, the auditor again.
    """
    month_in = load.chunks(KB) * KB * SECONDS_PER_MONTH
    month_out = load.bytes_in * SECONDS_PER_MONTH * (2 if settings.audit_minutes else 1)
    lines = [
        _line(HOURS_PER_MONTH, prices, "kinesis_on_demand_stream_hour"),
        _line(month_in / GB, prices, "kinesis_on_demand_gb_in"),
        _line(month_out / GB, prices, "kinesis_on_demand_gb_out"),
    ]
    if settings.retention_hours > DAY_HOURS:
        hours = min(settings.retention_hours, WEEK_HOURS) - DAY_HOURS
        kept = load.bytes_in * 3_600 * hours / GB
        lines.append(_line(kept, prices, "kinesis_on_demand_extended_gb_month"))
    return [*lines, *_long_term(settings, load, prices)]


def _long_term(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    hours = settings.retention_hours - WEEK_HOURS
    if hours <= 0:
        return []
    return [_line(load.bytes_in * 3_600 * hours / GB, prices, "kinesis_long_term_gb_month")]


def _line(quantity: float, prices: Prices, key: str) -> Line:
    return Line(resource="stream", quantity=quantity, price=prices[key])

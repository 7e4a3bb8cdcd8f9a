"""EventBridge's `rate()` schedules in the same minutes as CloudWatch's periods."""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

from typing import Final

from ministack.services import eventbridge

SECONDS_A_MINUTE: Final = 60
LOOKS_A_MINUTE: Final = 6
"""ministack looks every ten seconds for what is due."""

_parse_rate_seconds = eventbridge._parse_rate_seconds


def install(*, minute_seconds: float) -> None:
    """Let a minute of `rate()` take `minute_seconds` real seconds; `cron()` stays the clock's."""

    def rate_seconds(expression: str) -> float | None:
        interval: int | None = _parse_rate_seconds(expression)
        return None if interval is None else interval * minute_seconds / SECONDS_A_MINUTE

    eventbridge._parse_rate_seconds = rate_seconds
    eventbridge._SCHEDULER_TICK_INTERVAL = minute_seconds / LOOKS_A_MINUTE

"""Lambda's entry to the probe: how old is what the lake lacks, once a minute."""

from typing import Any

from pipeline.functions import probe_freshness


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return what was measured, and the canary that was sent."""
    return probe_freshness(context.get_remaining_time_in_millis)

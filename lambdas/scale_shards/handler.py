"""Lambda's entry to the scaler: as many shards as the load or the clock asks for."""

from typing import Any

from pipeline.functions import scale_shards


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return how many shards there are, how many there should be, and why."""
    return scale_shards()

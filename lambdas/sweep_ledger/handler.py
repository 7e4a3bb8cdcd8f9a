"""Lambda's entry to the sweeper: what no batch will finish, once a minute."""

from typing import Any

from pipeline.functions import sweep_ledger


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return how many shards were swept and what the others wait for."""
    return sweep_ledger(context.get_remaining_time_in_millis)

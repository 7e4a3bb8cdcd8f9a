"""Lambda's entry to the stream processor: one Kinesis batch an invocation."""

from typing import Any

from pipeline.functions import process_stream


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return Lambda's partial batch response for one batch of a shard."""
    return process_stream(event, context.get_remaining_time_in_millis)

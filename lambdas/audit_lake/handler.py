"""Lambda's entry to the auditor: what the stream held against what the lake holds."""

from typing import Any

from pipeline.functions import audit_lake


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return what was audited and what was found."""
    return audit_lake(context.get_remaining_time_in_millis)

"""The settings of one event source mapping, read from what the emulator says of it."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pipeline.errors import UserError

UNLIMITED = -1
"""How the API writes "without limit" for retries and age."""


class Start(Enum):
    """Where a mapping starts to read a shard."""

    TRIM_HORIZON = "TRIM_HORIZON"
    LATEST = "LATEST"
    AT_TIMESTAMP = "AT_TIMESTAMP"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One mapping's settings; ages and windows in seconds, `retries_max` UNLIMITED or a number.

    `backoff_seconds_max` bounds the pause between retries where a minute of alarms is a short one.
    """

    batch_size: int = 100
    window_seconds: float = 0.0
    age_seconds_max: float = math.inf
    retries_max: int = UNLIMITED
    bisect: bool = False
    partial_responses: bool = False
    backoff_seconds_max: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """One mapping between a stream and a function (or its alias)."""

    uuid: str
    stream_arn: str
    function_arn: str
    start: Start
    start_at: float | None
    destination_arn: str | None
    settings: Settings

    @property
    def function_name(self) -> str:
        """The function's name, without version or alias."""
        return self.function_arn.split(":")[6]


def from_api(
    described: dict[str, Any],
    *,
    retention_seconds: float = math.inf,
    backoff_seconds_max: float = math.inf,
) -> Mapping:
    """Read what GetEventSourceMapping or ListEventSourceMappings says of one mapping.

    Records expire with the stream's retention, whatever the mapping's own age limit.
    Raises UserError for what this mapping does not do: it must not be passed over in silence.
    """
    if described.get("ParallelizationFactor", 1) != 1:
        raise _unsupported(described, "a parallelization factor above 1")
    if described.get("TumblingWindowInSeconds", 0):
        raise _unsupported(described, "tumbling windows")
    if described.get("FilterCriteria", {}).get("Filters"):
        raise _unsupported(described, "filter criteria")
    age = described.get("MaximumRecordAgeInSeconds", UNLIMITED)
    start_at = described.get("StartingPositionTimestamp")
    on_failure = described.get("DestinationConfig", {}).get("OnFailure", {})
    return Mapping(
        uuid=described["UUID"],
        stream_arn=described["EventSourceArn"],
        function_arn=described["FunctionArn"],
        start=Start(described.get("StartingPosition", "LATEST")),
        start_at=start_at.timestamp() if isinstance(start_at, datetime) else start_at,
        destination_arn=on_failure.get("Destination"),
        settings=Settings(
            batch_size=described.get("BatchSize", 100),
            window_seconds=described.get("MaximumBatchingWindowInSeconds", 0),
            age_seconds_max=min(math.inf if age == UNLIMITED else age, retention_seconds),
            retries_max=described.get("MaximumRetryAttempts", UNLIMITED),
            bisect=described.get("BisectBatchOnFunctionError", False),
            partial_responses="ReportBatchItemFailures"
            in described.get("FunctionResponseTypes", []),
            backoff_seconds_max=backoff_seconds_max,
        ),
    )


def _unsupported(described: dict[str, Any], what: str) -> UserError:
    return UserError(
        f"event source mapping {described['UUID']} asks for {what}, which the local AWS does not"
        f" do: set it to its default"
    )

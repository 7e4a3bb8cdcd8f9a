"""Metrics as CloudWatch's embedded metric format: one JSON line on the log, no call to make."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TextIO

Unit = Literal["Count", "Milliseconds", "Bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of ours: its CloudWatch name and unit, and what it means."""

    name: str
    unit: Unit
    meaning: str


STREAM_DIMENSION: Final = "Stream"

STORED: Final = Metric(name="EventsStored", unit="Count", meaning="Events committed to the lake.")
DUPLICATES: Final = Metric(
    name="DuplicatesDropped", unit="Count", meaning="Copies of events already committed."
)
QUARANTINED: Final = Metric(
    name="EventsQuarantined", unit="Count", meaning="Events committed to quarantine."
)
RECEIVED: Final = Metric(name="EventsReceived", unit="Count", meaning="Events in taken records.")
RECORDS: Final = Metric(name="RecordsTaken", unit="Count", meaning="Stream records committed.")
BATCH_MS: Final = Metric(
    name="BatchDuration", unit="Milliseconds", meaning="From a batch's arrival to its answer."
)
LOST: Final = Metric(
    name="RangesLost", unit="Count", meaning="Gaps of the stream that nobody could fill any more."
)
MASKED: Final = Metric(
    name="RecordsMasked", unit="Count", meaning="Records quarantined unread: they kill the process."
)
CATALOGUE: Final = (
    RECEIVED,
    STORED,
    DUPLICATES,
    QUARANTINED,
    RECORDS,
    BATCH_MS,
    LOST,
    MASKED,
)


def embedded(
    values: Mapping[Metric, float],
    *,
    namespace: str,
    dimensions: Mapping[str, str],
    timestamp_ms: int,
    properties: Mapping[str, object],
) -> str:
    """Return one line of embedded metric format (CloudWatch user guide, "EMF specification").

    `properties` ride along in the log for a person to search by; they are no dimensions.
    """
    return json.dumps(
        {
            "_aws": {
                "Timestamp": timestamp_ms,
                "CloudWatchMetrics": [
                    {
                        "Namespace": namespace,
                        "Dimensions": [list(dimensions)],
                        "Metrics": [{"Name": m.name, "Unit": m.unit} for m in values],
                    }
                ],
            },
            **dimensions,
            **properties,
            **{metric.name: value for metric, value in values.items()},
        },
        separators=(",", ":"),
    )


def emit(line: str, log: TextIO) -> None:
    """Write a line so that Lambda ships it at once."""
    log.write(line + "\n")
    log.flush()

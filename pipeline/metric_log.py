"""Metrics as CloudWatch's embedded metric format: one JSON line on the log, no call to make."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from pipeline.errors import BrokenInvariant
from pipeline.metrics import STREAM_DIMENSION, VALUES_MAX, Metric, Value


def sampled(values: Sequence[float]) -> tuple[float, ...]:
    """Return at most VALUES_MAX of the values, evenly by rank, with the least and the greatest.

    Percentiles of the sample are those of the whole to a hundredth; its count and sum are not.
    """
    ordered = sorted(values)
    if len(ordered) <= VALUES_MAX:
        return tuple(ordered)
    step = (len(ordered) - 1) / (VALUES_MAX - 1)
    return tuple(ordered[round(place * step)] for place in range(VALUES_MAX))


def embedded(
    values: Mapping[Metric, Value],
    *,
    namespace: str,
    dimensions: Mapping[str, str],
    timestamp_ms: int,
    properties: Mapping[str, object],
) -> str:
    """Return one line of embedded metric format (CloudWatch user guide, "EMF specification").

    A sequence of values is a distribution: CloudWatch counts each. `properties` ride along in the
    log for a person to search by; they are no dimensions.

    Raises:
        BrokenInvariant: a metric does not have these dimensions, or has too many values or none.
    """
    for metric, value in values.items():
        if tuple(dimensions) not in metric.dimensions:
            raise BrokenInvariant(f"{metric.name} is not catalogued by {', '.join(dimensions)}")
        if isinstance(value, Sequence) and not 0 < len(value) <= VALUES_MAX:
            raise BrokenInvariant(f"{metric.name} has {len(value)} values, not 1 to {VALUES_MAX}")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLog:
    """Where a function's metrics go: a line a set of dimensions, on the log."""

    namespace: str
    stream: str
    clock_ms: Callable[[], int]
    log: TextIO

    def write(
        self,
        values: Mapping[Metric, Value],
        *,
        dimensions: Mapping[str, str] | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        """Write a line so that Lambda ships it at once; `dimensions` stand beside the stream's.

        One line holds one value of a dimension: each further value needs a line of its own.
        """
        line = embedded(
            values,
            namespace=self.namespace,
            dimensions={STREAM_DIMENSION: self.stream, **(dimensions or {})},
            timestamp_ms=self.clock_ms(),
            properties=properties or {},
        )
        self.log.write(line + "\n")
        self.log.flush()

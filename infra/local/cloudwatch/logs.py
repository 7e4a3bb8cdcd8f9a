"""Metrics that functions and tasks write to their log: embedded metric format (EMF).

CloudWatch user guide, "Specification: Embedded metric format". A line that is none, or a malformed
one, stays a line of the log and nothing else, as on AWS.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ministack.services import cloudwatch, lambda_svc

MARK: Final = '"_aws"'
VALUES_MAX: Final = 100
"""Values that one metric may have in a line (same page)."""

_emit_lambda_logs = lambda_svc._emit_lambda_logs


@dataclass(frozen=True, kw_only=True)
class Datum:
    """One metric's values under one set of dimensions; `counts` says how often each came."""

    namespace: str
    name: str
    unit: str
    dimensions: Mapping[str, str]
    timestamp: float
    values: tuple[float, ...]
    counts: tuple[float, ...]


def metrics_in(line: str, *, now: float) -> list[Datum]:
    """Return the metrics that a line of a log declares, under each set of dimensions."""
    if MARK not in line:
        return []
    try:
        root = json.loads(line)
        return list(_declared(root, now=now))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return []


def emit_lambda_logs(func: Any, request_id: str, log_text: str, *facts: Any, **named: Any) -> None:
    """Write a run's log as ministack does, and store the metrics in it."""
    _emit_lambda_logs(func, request_id, log_text, *facts, **named)
    for line in log_text.splitlines():
        store_metrics(line)


def store_metrics(line: str) -> None:
    """Store the metrics that a line of a log declares, for the account and region of the request.

    The format is taken from any log event (same guide, "Using the PutLogEvents API to send
    manually-created embedded metric format logs").
    """
    for datum in metrics_in(line, now=time.time()):
        cloudwatch._store_datum(
            datum.namespace,
            datum.name,
            dict(datum.dimensions),
            datum.timestamp,
            datum.unit,
            value=None,
            values=datum.values,
            counts=datum.counts,
            stat_values=None,
        )


def install() -> None:
    """Put the replacement where ministack looks its own up."""
    lambda_svc._emit_lambda_logs = emit_lambda_logs


def _declared(root: Mapping[str, Any], *, now: float) -> Iterator[Datum]:
    """Yield what the line declares.

    Raises what is raised by looking into a line that is not of the format.
    """
    timestamp = root["_aws"].get("Timestamp", now * 1000) / 1000
    if not math.isfinite(timestamp):
        raise ValueError(timestamp)
    for directive in root["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            found = Counter(_values(root.get(metric["Name"])))
            for names in directive["Dimensions"]:
                if found and all(isinstance(root.get(name), str) for name in names):
                    yield Datum(
                        namespace=directive["Namespace"],
                        name=metric["Name"],
                        unit=metric.get("Unit", "None"),
                        dimensions={name: root[name] for name in names},
                        timestamp=timestamp,
                        values=tuple(found),
                        counts=tuple(map(float, found.values())),
                    )


def _values(value: Any) -> list[float]:
    """Return a metric's values: a number or a list of them; nothing of anything else."""
    listed = value if isinstance(value, list) else [value]
    numbers = [float(v) for v in listed if isinstance(v, int | float) and not isinstance(v, bool)]
    fine = len(numbers) == len(listed) <= VALUES_MAX and all(map(math.isfinite, numbers))
    return numbers if fine else []

"""The IteratorAge metric of AWS/Lambda, which the emulator does not publish."""

import threading
from datetime import UTC, datetime
from typing import Any


class IteratorAges:
    """The highest age of a function's batches in the current period; safe to share by threads.

    An age is the time between a record's arrival and the moment when it is sent to the function,
    of the batch's last record (Lambda developer guide, "Types of metrics for Lambda functions").
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest_ms: dict[str, float] = {}

    def observe(self, function_name: str, age_ms: float) -> None:
        """Note the age of a batch that is sent, again on every retry."""
        with self._lock:
            self._highest_ms[function_name] = max(age_ms, self._highest_ms.get(function_name, 0.0))

    def publish(self, cloudwatch: Any, *, now: float) -> None:
        """Publish the period's maximum of each function that was sent something, and start anew."""
        with self._lock:
            highest, self._highest_ms = self._highest_ms, {}
        for function_name, age_ms in highest.items():
            cloudwatch.put_metric_data(
                Namespace="AWS/Lambda",
                MetricData=[
                    {
                        "MetricName": "IteratorAge",
                        "Dimensions": [{"Name": "FunctionName", "Value": function_name}],
                        "Timestamp": datetime.fromtimestamp(now, UTC),
                        "Unit": "Milliseconds",
                        "Value": age_ms,
                    }
                ],
            )

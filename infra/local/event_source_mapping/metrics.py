"""The metrics of AWS/Lambda that a mapping publishes, which the emulator does not."""

import threading
from datetime import UTC, datetime
from typing import Any, Final

DELIVERED: Final = "OnFailureDestinationDeliveredEventCount"
DROPPED: Final = "DroppedEventCount"


class Observed:
    """What the mappings did in the current period; safe to share by threads.

    Lambda developer guide, "Types of metrics for Lambda functions" and "Types of metrics for event
    source mappings".
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest_age_ms: dict[str, float] = {}
        self._given_up: dict[tuple[str, str], int] = {}

    def sent(self, function_name: str, *, age_ms: float) -> None:
        """Note the age of a batch that is sent, again on every retry.

        An age is the time between the arrival of the batch's last record and its sending.
        """
        with self._lock:
            highest_ms = self._highest_age_ms.get(function_name, 0.0)
            self._highest_age_ms[function_name] = max(age_ms, highest_ms)

    def gave_up(self, mapping_id: str, *, records: int, delivered: bool) -> None:
        """Note records that were set aside at the on-failure destination, or dropped without."""
        key = mapping_id, DELIVERED if delivered else DROPPED
        with self._lock:
            self._given_up[key] = self._given_up.get(key, 0) + records

    def publish(self, cloudwatch: Any, *, at: float) -> None:
        """Publish the period's values under the moment `at` in seconds, and start anew.

        A function that was sent nothing and a mapping that gave nothing up have no value.
        """
        with self._lock:
            ages, self._highest_age_ms = self._highest_age_ms, {}
            given_up, self._given_up = self._given_up, {}
        data = [
            _datum("IteratorAge", age_ms, "Milliseconds", FunctionName=name)
            for name, age_ms in ages.items()
        ]
        data += [
            _datum(metric, records, "Count", EventSourceMappingUUID=mapping_id)
            for (mapping_id, metric), records in given_up.items()
        ]
        for datum in data:
            datum["Timestamp"] = datetime.fromtimestamp(at, UTC)
            cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[datum])


def _datum(name: str, value: float, unit: str, **dimensions: str) -> dict[str, Any]:
    listed = [{"Name": key, "Value": of} for key, of in dimensions.items()]
    return {"MetricName": name, "Dimensions": listed, "Unit": unit, "Value": value}

"""What the front did to calls: counted since its start, and as AWS's own metrics of throttles."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.front.calls import Call
from infra.local.front.streams import Emulator

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of AWS's own: where it is found, and under which dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class Tally:
    """Counts by service, operation and kind, and throttles by metric."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._throttles: Counter[Metric] = Counter()

    def count(self, call: Call, kind: str, amount: int = 1) -> None:
        """Count what happened to a call, or to `amount` records of it."""
        self._counts[call.service, call.operation, kind] += amount

    def throttled(self, call: Call, name: str, amount: int = 1) -> None:
        """Count a throttle under AWS's metrics of the stream, table or function of that name."""
        for metric in metrics_of(call, name):
            self._throttles[metric] += amount

    def counts(self) -> list[list[Any]]:
        """Return rows of service, operation, kind and count."""
        return [[*key, count] for key, count in sorted(self._counts.items())]

    async def publish(self, emulator: Emulator, *, minute_seconds: float) -> None:
        """Put the throttles once a minute of CloudWatch, for ever."""
        while True:
            await asyncio.sleep(minute_seconds)
            taken, self._throttles = self._throttles, Counter()
            try:
                await asyncio.to_thread(_put, emulator, taken)
            except (BotoCoreError, ClientError) as error:
                # A metric too late is one too late; the calls it is about were answered.
                self._throttles.update(taken)
                _log.warning("throttles are not put yet: %s", error)


def metrics_of(call: Call, name: str) -> Iterator[Metric]:
    """Yield the metrics in which AWS counts a throttled call.

    Amazon Kinesis Data Streams developer guide, "Monitoring ... with Amazon CloudWatch"; DynamoDB
    developer guide, "DynamoDB metrics and dimensions"; Lambda developer guide, "Types of metrics".
    """
    if not name:
        return
    reads = call.operation.startswith(("Get", "Query", "Scan", "BatchGet", "TransactGet"))
    if call.service == "kinesis":
        way = "Read" if reads else "Write"
        yield Metric(
            namespace="AWS/Kinesis",
            name=f"{way}ProvisionedThroughputExceeded",
            dimensions=(("StreamName", name),),
        )
    elif call.service == "dynamodb":
        table = ("TableName", name)
        way = "Read" if reads else "Write"
        yield Metric(namespace="AWS/DynamoDB", name=f"{way}ThrottleEvents", dimensions=(table,))
        yield Metric(
            namespace="AWS/DynamoDB",
            name="ThrottledRequests",
            dimensions=(table, ("Operation", call.operation)),
        )
    elif call.service == "lambda":
        function = ("FunctionName", name.partition(":")[0])
        yield Metric(namespace="AWS/Lambda", name="Throttles", dimensions=(function,))


def _put(emulator: Emulator, throttles: Counter[Metric]) -> None:
    for metric, count in throttles.items():
        datum = {
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            "Value": float(count),
            "Unit": "Count",
        }
        emulator.client("cloudwatch").put_metric_data(
            Namespace=metric.namespace, MetricData=[datum]
        )

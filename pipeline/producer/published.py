"""A producer's figures as CloudWatch metrics: one small call a minute, by whoever runs it."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import metrics
from pipeline.errors import OperatingError
from pipeline.metrics import Metric
from pipeline.names import METRICS_NAMESPACE
from pipeline.producer.answers import Metrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef


def figures(now: Metrics, before: Metrics) -> dict[Metric, float]:
    """Return what a producer did between two snapshots; its buffer is that of the later one."""
    return {
        metrics.PRODUCER_BUFFER: now.buffered_bytes,
        metrics.PRODUCER_THROTTLED: now.throttles - before.throttles,
        metrics.PRODUCER_REFUSED: now.refused - before.refused,
        metrics.PRODUCER_HELD_BACK_MS: now.held_back_ms - before.held_back_ms,
    }


class PublishedMetrics:
    """Puts a producer's figures since the last time, and forgets nothing that was not taken.

    The client comes with time-outs and bounded retries (`pipeline.environment.CLIENT_CONFIG`). Its
    caller needs `cloudwatch:PutMetricData`.
    """

    def __init__(
        self, client: "CloudWatchClient", *, stream: str, namespace: str = METRICS_NAMESPACE
    ) -> None:
        self._client = client
        self._stream = stream
        self._namespace = namespace
        self._before = Metrics()

    def put(self, now: Metrics) -> None:
        """Put the figures since the last call that succeeded. Raises OperatingError."""
        data: list[MetricDatumTypeDef] = [
            {
                "MetricName": metric.name,
                "Unit": metric.unit,
                "Value": value,
                "Dimensions": [{"Name": metrics.STREAM_DIMENSION, "Value": self._stream}],
            }
            for metric, value in figures(now, self._before).items()
        ]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot publish the producer's metrics: {error}") from error
        self._before = now

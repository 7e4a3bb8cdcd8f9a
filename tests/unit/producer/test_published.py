"""A producer's figures reach CloudWatch as what happened since the last time, and none is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.errors import OperatingError
from pipeline.producer.answers import Metrics
from pipeline.producer.published import PublishedMetrics

REGION = "us-east-1"


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("cloudwatch", region_name=REGION)


def total(cloudwatch: Any, name: str) -> float:
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="Sluice",
        MetricName=name,
        Dimensions=[{"Name": "Stream", "Value": "s"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_counts_are_put_as_differences_and_the_buffer_as_it_is(cloudwatch: Any) -> None:
    published = PublishedMetrics(cloudwatch, stream="s")
    published.put(Metrics(throttles=5, refused=1, held_back_ms=20, buffered_bytes=100))
    published.put(Metrics(throttles=7, refused=1, held_back_ms=50, buffered_bytes=30))
    assert total(cloudwatch, "ProducerThrottled") == 7
    assert total(cloudwatch, "ProducerRefused") == 1
    assert total(cloudwatch, "ProducerHeldBack") == 50
    assert total(cloudwatch, "ProducerBufferBytes") == 130


def test_what_was_not_taken_is_put_the_next_time(
    cloudwatch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = PublishedMetrics(cloudwatch, stream="s")
    with monkeypatch.context() as patch:
        patch.setattr(cloudwatch.meta.events, "emit_until_response", _refuse)
        with pytest.raises(OperatingError, match="cannot publish"):
            published.put(Metrics(throttles=5))
    published.put(Metrics(throttles=6))
    assert total(cloudwatch, "ProducerThrottled") == 6


def _refuse(*_: object, **__: object) -> tuple[None, Any]:
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="https://monitoring")

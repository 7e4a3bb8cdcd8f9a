"""The scaler measures, decides and takes one step, and says all of it in its metrics."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.core.units import DAY_MS, MINUTE_MS
from pipeline.errors import OperatingError
from pipeline.metric_log import MetricLog
from pipeline.metrics import CATALOGUE
from pipeline.scaling import DOWN_MINUTES, SHARD_BYTES, Scaling
from pipeline.shard_scaler import SETTLED_MS, Scaler

NOW_MS = 1_790_000_020_000
"""20 s into a minute: the one before is not complete in CloudWatch yet."""
LIMITS = Scaling(shards_min=1, shards_max=8, utilization_percent=50)


@dataclass(kw_only=True)
class Kinesis:
    """A stream as its two calls show it."""

    shards: int = 2
    status: str = "ACTIVE"
    refusal: str = ""
    asked: list[int] = field(default_factory=list)

    def describe_stream_summary(self, **_: Any) -> dict[str, Any]:
        summary = {"OpenShardCount": self.shards, "StreamStatus": self.status}
        return {"StreamDescriptionSummary": summary}

    def update_shard_count(self, **call: Any) -> None:
        assert call["ScalingType"] == "UNIFORM_SCALING"
        self.asked.append(call["TargetShardCount"])
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal}}, "UpdateShardCount")


@dataclass(kw_only=True)
class CloudWatch:
    """Sums by the start of their period, in ms; what was asked is kept."""

    sums: dict[str, dict[int, float]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(call)
        for query in call["MetricDataQueries"]:
            name = query["MetricStat"]["Metric"]["MetricName"]
            found = {
                at: value
                for at, value in self.sums.get(name, {}).items()
                if call["StartTime"] * 1000 <= at < call["EndTime"] * 1000
            }
            times = [datetime.fromtimestamp(at / 1000, UTC) for at in found]
            result = {"Id": query["Id"], "Timestamps": times, "Values": list(found.values())}
            # As CloudWatch pages: a result may be in parts.
            yield {"MetricDataResults": [result]}
            yield {"MetricDataResults": [{**result, "Timestamps": [], "Values": []}]}


def busy(shards: float) -> dict[int, float]:
    """Bytes of the last complete minutes, so many shards' worth."""
    end = (NOW_MS - SETTLED_MS) // MINUTE_MS * MINUTE_MS
    return {end - MINUTE_MS * ago: shards * SHARD_BYTES * 60 for ago in range(1, DOWN_MINUTES + 1)}


def scaled(kinesis: Kinesis, cloudwatch: CloudWatch) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the scaler once; return its answer and the lines of its log."""
    out = io.StringIO()
    log = MetricLog(namespace="Sluice", stream="s", clock_ms=lambda: NOW_MS, log=out)
    scaler = Scaler(stream="s", scaling=LIMITS, kinesis=kinesis, cloudwatch=cloudwatch, log=log)
    return scaler.scale(), [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_busy_stream_is_brought_to_its_target_and_the_metrics_say_so() -> None:
    kinesis, cloudwatch = Kinesis(), CloudWatch(sums={"IncomingBytes": busy(1.5)})
    answer, (line,) = scaled(kinesis, cloudwatch)
    assert kinesis.asked == [3]
    assert (answer["shards"], answer["wanted"]) == (2, 3)
    emitted = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert emitted == {metric.name for metric in CATALOGUE if metric.origin == "scaler"}
    assert (line["ShardsOpen"], line["ShardsWanted"], line["ShardChanges"]) == (2, 3, 1)
    assert line["reason"] == "over 50 % for 2 minutes"


def test_a_minute_that_cloudwatch_may_not_know_all_of_is_not_looked_at() -> None:
    cloudwatch = CloudWatch()
    scaled(Kinesis(), cloudwatch)
    load = cloudwatch.asked[0]
    assert load["EndTime"] * 1000 % MINUTE_MS == 0
    assert NOW_MS - load["EndTime"] * 1000 >= SETTLED_MS
    assert load["EndTime"] - load["StartTime"] == DOWN_MINUTES * 60


def test_its_own_changes_of_a_day_are_counted() -> None:
    spent = {NOW_MS - DAY_MS + 300_000 * n: 1.0 for n in range(1, 11)}
    cloudwatch = CloudWatch(sums={"IncomingBytes": busy(1.5), "ShardChanges": spent})
    kinesis = Kinesis()
    answer, (line,) = scaled(kinesis, cloudwatch)
    assert kinesis.asked == []
    assert answer["reason"].endswith("10 of 10 changes a day are used up")
    assert line["ShardChanges"] == 0


def test_a_stream_that_changes_is_left_alone() -> None:
    kinesis = Kinesis(status="UPDATING")
    answer, lines = scaled(kinesis, CloudWatch(sums={"IncomingBytes": busy(4)}))
    assert answer == {"shards": 2, "reason": "the stream is UPDATING"}
    assert kinesis.asked == []
    assert lines == []


@pytest.mark.parametrize("refusal", ["LimitExceededException", "ResourceInUseException"])
def test_a_refusal_of_kinesis_is_a_failed_run(refusal: str) -> None:
    kinesis = Kinesis(refusal=refusal)
    with pytest.raises(OperatingError, match="does not give s 3 shards") as caught:
        scaled(kinesis, CloudWatch(sums={"IncomingBytes": busy(1.5)}))
    assert not caught.value.retryable

"""The scaler: what the stream took, how many shards it should have, and the step there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import metrics
from pipeline.core.units import DAY_MS, MINUTE_MS
from pipeline.errors import OperatingError
from pipeline.metric_log import MetricLog
from pipeline.metrics import STREAM_DIMENSION
from pipeline.scaling import DOWN_MINUTES, Load, Scaling, decide

SETTLED_MS: Final = 30_000
"""How long after its end a minute is complete in CloudWatch: then the next look takes it."""
CHANGES_PERIOD_SECONDS: Final = 300
ACTIVE: Final = "ACTIVE"


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """A stream, its clients, its limits, and where its metrics are and go."""

    stream: str
    scaling: Scaling
    kinesis: Any
    cloudwatch: Any
    log: MetricLog

    def scale(self) -> dict[str, Any]:
        """Take at most one step; answer what was found and done.

        While the stream changes it is left alone. Raises OperatingError, also when Kinesis refuses
        the step: a quota is reached.
        """
        summary = self._summary()
        shards = int(summary["OpenShardCount"])
        if summary["StreamStatus"] != ACTIVE:
            return {"shards": shards, "reason": f"the stream is {summary['StreamStatus']}"}
        now_ms = self.log.clock_ms()
        load, changes_ms = self._measured(now_ms)
        decision = decide(
            self.scaling, now_ms=now_ms, shards=shards, load=load, changes_ms=changes_ms
        )
        changed = decision.shards != shards
        if changed:
            self._update(decision.shards)
        answer = {"shards": shards, "wanted": decision.shards, "reason": decision.reason}
        values = {
            metrics.SHARDS: shards,
            metrics.SHARDS_WANTED: decision.shards,
            metrics.SHARD_CHANGES: int(changed),
        }
        self.log.write(values, properties={"reason": decision.reason})
        return answer

    def _summary(self) -> Mapping[str, Any]:
        try:
            answer = self.kinesis.describe_stream_summary(StreamName=self.stream)
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot describe {self.stream}: {error}") from error
        summary: Mapping[str, Any] = answer["StreamDescriptionSummary"]
        return summary

    def _update(self, shards: int) -> None:
        try:
            self.kinesis.update_shard_count(
                StreamName=self.stream, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(
                f"Kinesis does not give {self.stream} {shards} shards: {error}", retryable=False
            ) from error

    def _measured(self, now_ms: int) -> tuple[list[Load], list[int]]:
        """Return the load of the last whole minutes, oldest first, and when shards were changed.

        A minute that CloudWatch has nothing of had no load. Changes by hand are in no metric of
        ours: Kinesis's own refusal is the limit then.
        """
        end_ms = (now_ms - SETTLED_MS) // MINUTE_MS * MINUTE_MS
        minutes = [end_ms - MINUTE_MS * ago for ago in range(DOWN_MINUTES, 0, -1)]
        sums = self._sums(
            {
                "bytes": _query("AWS/Kinesis", "IncomingBytes", {"StreamName": self.stream}),
                "records": _query("AWS/Kinesis", "IncomingRecords", {"StreamName": self.stream}),
            },
            start_ms=minutes[0],
            end_ms=end_ms,
        )
        load = [
            Load(bytes_in=sums["bytes"].get(at, 0), records_in=sums["records"].get(at, 0))
            for at in minutes
        ]
        changes = self._sums(
            {
                "changes": _query(
                    self.log.namespace,
                    metrics.SHARD_CHANGES.name,
                    {STREAM_DIMENSION: self.stream},
                    period_seconds=CHANGES_PERIOD_SECONDS,
                )
            },
            start_ms=now_ms - DAY_MS,
            end_ms=now_ms,
        )["changes"]
        return load, [at for at, count in sorted(changes.items()) for _ in range(round(count))]

    def _sums(
        self, queries: Mapping[str, dict[str, Any]], *, start_ms: int, end_ms: int
    ) -> dict[str, dict[int, float]]:
        """Return each query's sums by the start of their period, in ms."""
        found: dict[str, dict[int, float]] = {name: {} for name in queries}
        try:
            pages = self.cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[{"Id": name, **query} for name, query in queries.items()],
                StartTime=start_ms / 1000,
                EndTime=end_ms / 1000,
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    at_ms = [round(at.timestamp() * 1000) for at in result["Timestamps"]]
                    found[result["Id"]] |= dict(zip(at_ms, result["Values"], strict=True))
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read the metrics of {self.stream}: {error}") from error
        return found


def _query(
    namespace: str, name: str, dimensions: Mapping[str, str], *, period_seconds: int = 60
) -> dict[str, Any]:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": listed},
            "Period": period_seconds,
            "Stat": "Sum",
        }
    }

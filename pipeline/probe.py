"""The probe: how late the lake is, seen from outside, so that it also speaks when nothing works."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline import metrics
from pipeline.canary import newest_canary_ms
from pipeline.core.units import SECOND_MS
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardStatus
from pipeline.metric_log import MetricLog
from pipeline.metrics import Metric, Value
from pipeline.worker import Worker

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one part of a look measured, what rides along, and what it could not find out."""

    values: Mapping[Metric, Value] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    trouble: OperatingError | None = None

    def write(self, log: MetricLog) -> None:
        """Write what was measured, if anything was."""
        if self.values:
            log.write(self.values, properties=self.properties)


Part = Callable[[], Found]
"""Measures one thing, whatever becomes of the others; may raise OperatingError."""


def tried(part: Part) -> Found:
    """Return what a part found, its trouble for an answer."""
    try:
        return part()
    except OperatingError as trouble:
        return Found(trouble=trouble)


@dataclass(frozen=True, kw_only=True)
class Canaries:
    """Canaries: sent by `send` at a time in ms, and looked for in the lake.

    `send` returns the canary's id, or raises OperatingError. A canary of `seconds_max` is young
    enough to be in time.
    """

    send: Callable[[int], str]
    s3: "S3Client"
    bucket: str
    seconds_max: int
    clock_ms: Callable[[], int]

    def sent(self) -> Found:
        """Send the next canary."""
        return Found(properties={"canary": self.send(self.clock_ms())})

    def seen(self) -> Found:
        """Find how old the newest canary in the lake is, and 1 if it is in time."""
        now_ms = self.clock_ms()
        sent_ms = newest_canary_ms(self.s3, self.bucket, now_ms=now_ms)
        if sent_ms is None:
            return Found()
        age_ms = max(0, now_ms - sent_ms)
        in_time = age_ms <= self.seconds_max * SECOND_MS
        return Found(
            values={metrics.CANARY_MS: age_ms, **({metrics.CANARY_FOUND: 1} if in_time else {})}
        )


def oldest(worker: Worker) -> Found:
    """Find which shards wait, and how old the oldest event is that is not in the lake."""
    statuses = worker.pending()
    return Found(
        values={metrics.OLDEST_MS: oldest_ms(worker, statuses)},
        properties={"waiting": [status.shard for status in statuses if not status.drained]},
    )


def probe(worker: Worker, canaries: Canaries, log: MetricLog) -> dict[str, Any]:
    """Measure what waits, send the next canary and look for the last ones; answer what was found.

    Each part is tried and written whatever becomes of the others: when the lake is away, the age of
    what waits for it is just what is wanted. It only reads, but for the canary. Raises the first
    trouble at the end.
    """
    answer: dict[str, Any] = {}
    troubles: list[OperatingError] = []
    parts: tuple[Part, ...] = (lambda: oldest(worker), canaries.sent, canaries.seen)
    for part in parts:
        found = tried(part)
        found.write(log)
        answer |= {**found.properties, **{metric.name: v for metric, v in found.values.items()}}
        if found.trouble is not None:
            troubles.append(found.trouble)
    if troubles:
        raise troubles[0]
    return answer


def oldest_ms(worker: Worker, statuses: Iterable[ShardStatus]) -> int:
    """Return the age of the oldest event that is not in the lake, by its arrival; 0 if all are.

    Of a commit whose files are not visible yet, the ledger knows the newest arrival only: its age
    is the least that it can be. Raises OperatingError.
    """
    return max((_status_ms(worker, status) for status in statuses), default=0)


def _status_ms(worker: Worker, status: ShardStatus) -> int:
    head = worker.ledger.read_head(status.shard) if status.unpublished else None
    if head is None or head.unpublished is None:
        return status.lag_ms
    commit = worker.ledger.read_commit(status.shard, head.unpublished.first)
    hidden_ms = worker.now_ms() - commit.arrival_ms_max if commit is not None else 0
    return max(status.lag_ms, hidden_ms)

"""The probe: how late the lake is, seen from outside, so that it also speaks when nothing works."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from pipeline import metrics
from pipeline.canary import newest_canary_ms, send_canary
from pipeline.environment import Environment
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardStatus
from pipeline.metric_log import MetricLog
from pipeline.metrics import Metric, Value
from pipeline.worker import Worker

SECOND_MS: Final = 1_000


def probe(worker: Worker, environment: Environment, log: MetricLog) -> dict[str, Any]:
    """Measure what waits, send the next canary and look for the last ones; answer what was found.

    Each part is tried and written whatever becomes of the others: when the lake is away, the age of
    what waits for it is just what is wanted. It only reads, but for the canary. Raises the first
    trouble at the end.
    """
    answer: dict[str, Any] = {}
    troubles: list[OperatingError] = []

    def oldest() -> None:
        statuses = worker.pending()
        answer["waiting"] = [status.shard for status in statuses if not status.drained]
        age_ms = oldest_ms(worker, statuses)
        log.write({metrics.OLDEST_MS: age_ms}, properties=answer)
        answer[metrics.OLDEST_MS.name] = age_ms

    def send() -> None:
        stream, now_ms = environment.settings.stream, environment.clock_ms()
        answer["canary"] = send_canary(environment.kinesis, stream, now_ms=now_ms)

    def look() -> None:
        values = canary_values(environment)
        if values:
            log.write(values, properties={"sent": answer.get("canary")})
        answer.update({metric.name: value for metric, value in values.items()})

    parts: tuple[Callable[[], None], ...] = (oldest, send, look)
    for part in parts:
        try:
            part()
        except OperatingError as trouble:
            troubles.append(trouble)
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


def canary_values(environment: Environment) -> dict[Metric, Value]:
    """Return how old the newest canary in the lake is, and 1 if it is young enough to be in time.

    Raises OperatingError.
    """
    now_ms = environment.clock_ms()
    bucket = environment.settings.lake_bucket
    sent_ms = newest_canary_ms(environment.s3, bucket, now_ms=now_ms)
    if sent_ms is None:
        return {}
    age_ms = max(0, now_ms - sent_ms)
    in_time = age_ms <= environment.settings.canary_seconds_max * SECOND_MS
    return {metrics.CANARY_MS: age_ms, **({metrics.CANARY_FOUND: 1} if in_time else {})}

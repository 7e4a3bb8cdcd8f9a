"""What it costs to watch a stack and to keep its key: CloudWatch, KMS, Glue."""

from typing import Final

from infra.alarm_rules import rules
from infra.alarm_rules_worker import worker_rules
from infra.composites import composites
from infra.costs import figures
from infra.costs.batches import Batches
from infra.costs.line import GB, HOURS_PER_MONTH, Line
from infra.costs.prices import Prices
from infra.costs.storage import months_kept
from infra.settings import Settings
from infra.watched_topic import OF_BROKERS, topic_of
from pipeline.contracts import CONTRACTS
from pipeline.domain.contracts import MEASURES
from pipeline.metrics import BY_STREAM, CATALOGUE, Metric, Origin

FUNCTIONS_ONLY: Final[frozenset[Origin]] = frozenset({"auditor", "scaler"})
"""Whose metrics a stack without functions has not; its watcher emits the probe's."""


def watching(batches: Batches, prices: Prices, *, month: int) -> list[Line]:
    """Return CloudWatch's lines: metrics, alarms, dashboard, logs."""
    settings = batches.settings
    chosen = (
        worker_rules(settings.objectives, topic_of(settings))
        if batches.on_topic
        else rules(settings.objectives)
    )
    logs = (batches.a_month + batches.watches_a_month) * figures.LOG_BYTES_A_RUN / GB
    kept = logs * months_kept(month, days_max=settings.log_days)
    return [
        Line(resource="watching", quantity=quantity, price=prices[key])
        for quantity, key in (
            (custom_metrics(settings), "cloudwatch_metric"),
            (batches.scalings_a_month * figures.METRICS_A_SCALING, "cloudwatch_metric_read"),
            (sum(len(rule.series) for rule in chosen), "cloudwatch_alarm_metric"),
            (len(composites(chosen)), "cloudwatch_composite"),
            (1, "cloudwatch_dashboard"),
            (logs, "cloudwatch_log_gb"),
            (kept, "cloudwatch_log_gb_month"),
        )
    ]


def custom_metrics(settings: Settings) -> int:
    """Return how many metrics of ours are billed: each value of a dimension is one of its own."""
    silent: set[Origin] = set()
    if settings.stream != "kinesis":
        silent |= FUNCTIONS_ONLY
    else:
        silent |= {"worker", "watcher"}
        silent |= set() if settings.audit_minutes else {"auditor"}
        silent |= set() if settings.scales_shards else {"scaler"}
    emitted = {m for m in (*CATALOGUE, *MEASURES) if m.origin not in silent}
    if settings.stream != "kinesis":
        emitted -= set(OF_BROKERS) - set(topic_of(settings).metrics)
    return sum(_series(metric) for metric in emitted)


def _series(metric: Metric) -> int:
    return sum(
        1 if names == BY_STREAM else figures.VALUES_OF_A_DIMENSION for names in metric.dimensions
    )


def key_and_catalog(prices: Prices) -> list[Line]:
    """Return the lines of the key, and of the catalog's database and tables."""
    requests = HOURS_PER_MONTH * figures.KEY_REQUESTS_AN_HOUR * figures.KEY_CALLERS
    return [
        Line(resource="key", quantity=1, price=prices["kms_key"]),
        Line(resource="key", quantity=requests, price=prices["kms_request"]),
        Line(resource="catalog", quantity=1 + len(CONTRACTS), price=prices["glue_object"]),
    ]

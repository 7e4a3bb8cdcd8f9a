"""docs/metrics.md: the catalogue of our metrics, and which alarm watches each."""

from collections.abc import Sequence
from typing import Final

from infra.alarm_rule import Rule
from pipeline import metrics
from pipeline.domain.contracts import MEASURES
from pipeline.metrics import Metric, Origin
from pipeline.names import METRICS_NAMESPACE

INTRO: Final = f"""# Metrics

What Sluice measures of itself, in CloudWatch's namespace `{METRICS_NAMESPACE}`, beside what AWS
measures of its services. Functions write them as one line of JSON on their log (embedded metric
format), so that a metric costs no call; a producer's process puts its own. A test runs every
function and compares what it emits with this catalogue, name, unit and dimensions, both ways.

- A **distribution** holds up to {metrics.VALUES_MAX} values a line, more than that evenly sampled
  by rank: its percentiles and extremes are true, its count and sum are not.
- Each set of dimensions is a metric of its own: CloudWatch does not add them up.
- A **commit** counts when its files become visible, by whoever publishes it. A process that dies
  right after that takes its line with it: the auditor counts from the ledger, not from these.
- The pipeline's own canaries are in none of the figures about events and files.
"""

ORIGINS: Final[dict[Origin, str]] = {
    "takes": "By the stream processor and the sweeper, after each run",
    "domain": "By the same, of a contract's events: declared beside it, yours to replace",
    "probe": "By the probe, on a topic by the watcher, once a minute, from outside: it speaks when "
    "nothing else does",
    "auditor": "By the auditor, once every few minutes",
    "scaler": "By the scaler, once a minute, where a stack has one",
    "producer": "By a producer's process, once a minute, where it is told to "
    "(`sluice load --producer-metrics`)",
    "worker": "By each process of the long-running worker, every few seconds, beside its takes'",
    "watcher": "By the watcher of a topic, once a minute: of Kafka's or Pulsar's brokers",
}
CATALOGUE: Final = (*metrics.CATALOGUE, *MEASURES)


def metrics_page(rules: Sequence[Rule]) -> str:
    """Return the page below its first line: a table for each origin."""
    parts = [INTRO]
    for origin, said in ORIGINS.items():
        rows = [_row(each, rules) for each in CATALOGUE if each.origin == origin]
        head = ["| metric | unit | by | what it says | alarms |", "| --- | --- | --- | --- | --- |"]
        parts += [f"## {said}", "", *head, *rows, ""]
    return "\n".join(parts)


def alarms_of(metric: Metric, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the ids of the alarms that watch a metric of ours."""
    found = (
        rule.id
        for rule in rules
        if any(
            (series.namespace, series.metric) == (METRICS_NAMESPACE, metric.name)
            for series in rule.series.values()
        )
    )
    return tuple(dict.fromkeys(found))


def _row(metric: Metric, rules: Sequence[Rule]) -> str:
    by = "; ".join(", ".join(f"`{name}`" for name in names) for names in metric.dimensions)
    alarms = ", ".join(f"[{each}](alarms.md#{each})" for each in alarms_of(metric, rules))
    return f"| `{metric.name}` | {metric.unit} | {by} | {metric.meaning} | {alarms or 'none'} |"

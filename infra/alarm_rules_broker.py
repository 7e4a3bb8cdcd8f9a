"""The alarms of brokers and bookies: gone, without copies, full, near quota or expiry. Pure."""

from collections.abc import Sequence
from typing import Final

from infra.alarm_rule import Rule, Series, own
from infra.watched_topic import Topic
from pipeline import metrics

METRICS_MAX: Final = 10
"""In one alarm's expression (CloudWatch user guide, "Limits that apply to alarms based on metric
math expressions")."""
DISK_PERCENT_MAX: Final = 80
BACKLOG_PERCENT_MAX: Final = 80
DOWN_MINUTES: Final = 5
BEHIND_MINUTES: Final = 15
CERTIFICATE_DAYS_MIN: Final = 30
CERTIFICATE_MINUTES: Final = 10
WATCHER_SILENT: Final = (
    "The watcher tells each minute; that it is dead, oldest-event-age and canary-not-seen tell."
)


def broker_rules(topic: Topic) -> tuple[Rule, ...]:
    """Return what tells of a topic's brokers: a rule for each thing that somebody measures."""
    found = {
        metrics.BROKERS_MISSING: _BROKER_DOWN,
        metrics.UNDER_REPLICATED: _UNDER_REPLICATED,
        metrics.DISK_PERCENT: _BOOKIE_DISK,
        metrics.BACKLOG_PERCENT: _BACKLOG_NEAR_QUOTA,
        metrics.CERTIFICATE_DAYS: _BROKER_CERTIFICATE,
    }
    return (*(found[metric] for metric in topic.metrics), *_msk_disks(topic.msk_brokers))


_BROKER_DOWN: Final = Rule(
    id="broker-down",
    summary="A broker or a bookie that should be there is not.",
    series={"missing": own("Maximum", metrics.BROKERS_MISSING)},
    threshold=0,
    unit="brokers and bookies",
    threshold_reason=(
        f"one that is replaced or patched is back within minutes; {DOWN_MINUTES} of them are "
        "longer."
    ),
    missing="notBreaching",
    missing_reason=WATCHER_SILENT,
    periods=DOWN_MINUTES,
    periods_to_alarm=DOWN_MINUTES,
)

_UNDER_REPLICATED: Final = Rule(
    id="under-replicated",
    summary="Events have fewer copies than they should, and nothing has made good for it.",
    series={"behind": own("Maximum", metrics.UNDER_REPLICATED)},
    threshold=0,
    unit="partitions or ledgers",
    threshold_reason=(
        "a broker that was away catches up by itself; what still lacks a copy after "
        f"{BEHIND_MINUTES} minutes is lost with the next machine."
    ),
    missing="notBreaching",
    missing_reason=WATCHER_SILENT,
    periods=BEHIND_MINUTES,
    periods_to_alarm=BEHIND_MINUTES,
    page="data-at-risk",
)

_BACKLOG_NEAR_QUOTA: Final = Rule(
    id="backlog-near-quota",
    summary="What workers have not taken comes close to the quota at which producers are held.",
    series={"backlog": own("Maximum", metrics.BACKLOG_PERCENT)},
    threshold=BACKLOG_PERCENT_MAX,
    unit="percent of the quota",
    threshold_reason="the rest is the time to act before producers wait, and lose what overflows.",
    missing="notBreaching",
    missing_reason=WATCHER_SILENT,
    page="data-at-risk",
)


_BROKER_CERTIFICATE: Final = Rule(
    id="broker-certificate",
    summary="The certificate of a Pulsar's brokers ends soon, and nobody reaches them after it.",
    series={"left": own("Minimum", metrics.CERTIFICATE_DAYS)},
    comparison="LessThanThreshold",
    threshold=CERTIFICATE_DAYS_MIN,
    unit="days",
    threshold_reason=(
        "a month is for whoever may renew it, and for the brokers, replaced one by one; each look "
        f"meets one of them, so that a single one within {CERTIFICATE_MINUTES} minutes is enough."
    ),
    missing="notBreaching",
    missing_reason=WATCHER_SILENT,
    periods=CERTIFICATE_MINUTES,
    periods_to_alarm=1,
)


def _disk(series: dict[str, Series], *, silence: str, part: int = 1) -> Rule:
    return Rule(
        id="broker-disk",
        part=part,
        summary="A disk that keeps the events fills up.",
        series=series,
        expression=f"MAX([{', '.join(series)}])" if len(series) > 1 else "",
        threshold=DISK_PERCENT_MAX,
        unit="percent of a disk",
        threshold_reason=(
            "a volume can only grow, by hand; a full one takes no more events, and growing it "
            "takes a part of what the last fifth leaves."
        ),
        missing="notBreaching",
        missing_reason=silence,
    )


_BOOKIE_DISK: Final = _disk({"used": own("Maximum", metrics.DISK_PERCENT)}, silence=WATCHER_SILENT)


def _msk_disks(brokers: int) -> Sequence[Rule]:
    """Return an alarm for every ten brokers, one as a rule; MSK counts its brokers from 1."""
    every = range(1, brokers + 1)
    return [
        _disk(
            {f"broker_{number}": msk_disk(number) for number in every[start : start + METRICS_MAX]},
            silence="MSK tells each minute of each broker that is there; broker-down tells of one "
            "that is not.",
            part=1 + start // METRICS_MAX,
        )
        for start in range(0, brokers, METRICS_MAX)
    ]


def msk_disk(broker: int) -> Series:
    """Return how full one broker's volume is (MSK developer guide, "CloudWatch metrics for
    Standard brokers").
    """
    return Series(
        namespace="AWS/Kafka",
        metric="KafkaDataLogsDiskUsed",
        source="brokers",
        statistic="Maximum",
        beside=(("Broker ID", str(broker)),),
    )

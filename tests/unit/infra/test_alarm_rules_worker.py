"""The alarms of a stack on a topic: each that somebody can tell of, with its page and runbook."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.alarm_rule import Rule
from infra.alarm_rules import rules
from infra.alarm_rules_broker import METRICS_MAX
from infra.alarm_rules_worker import worker_rules
from infra.composites import composites
from infra.local.cloudwatch import expressions
from infra.settings import Settings
from infra.watched_topic import topic_of
from pipeline.metrics import CATALOGUE
from tests.unit.infra.test_alarm_rules import assert_published

SERVERS = {"service_url": "b-1.example.com:9092", "broker_cidr": "10.7.0.0/16"}
STACKS: Mapping[str, Mapping[str, Any]] = {
    "MSK": {"stream": "kafka"},
    "MSK Serverless": {"stream": "kafka", "kafka_cluster": "serverless"},
    "a given Kafka": {
        "stream": "kafka",
        "kafka_cluster": "given",
        "kafka_security": "tls",
        **SERVERS,
    },
    "a given Kafka, counted": {
        "stream": "kafka",
        "kafka_cluster": "given",
        "kafka_security": "tls",
        "broker_count": 3,
        **SERVERS,
    },
    "Pulsar": {"stream": "pulsar"},
    "Pulsar with a quota": {"stream": "pulsar", "pulsar_backlog_gb_max": 50},
    "a given Pulsar": {"stream": "pulsar", "pulsar_cluster": "given", **SERVERS},
    "a given Pulsar by TLS": {
        "stream": "pulsar",
        "pulsar_cluster": "given",
        **SERVERS,
        "service_url": "pulsar+ssl://pulsar.example.com:6651",
    },
    "a given Pulsar that may be asked": {
        "stream": "pulsar",
        "pulsar_cluster": "given",
        "pulsar_backlog_gb_max": 50,
        "pulsar_admin_url": "https://pulsar.example.com:8443",
        "pulsar_bookie_url": "http://bookies.example.com:8000",
        **SERVERS,
    },
    "a given Pulsar whose brokers alone may be asked": {
        "stream": "pulsar",
        "pulsar_cluster": "given",
        "pulsar_admin_url": "https://pulsar.example.com:8443",
        "broker_count": 3,
        **SERVERS,
    },
}
EVERYWHERE = {
    *("age-against-retention", "canary-not-seen", "consumer-lag", "oldest-event-age"),
    *("quarantine-rate", "records-lost", "small-files"),
}
OF_BROKERS: Mapping[str, set[str]] = {
    "MSK": {"broker-down", "under-replicated", "broker-disk"},
    "MSK Serverless": set(),
    "a given Kafka": {"under-replicated"},
    "a given Kafka, counted": {"broker-down", "under-replicated"},
    "Pulsar": {"broker-down", "under-replicated", "broker-disk", "broker-certificate"},
    "Pulsar with a quota": {
        *("broker-down", "under-replicated", "broker-disk", "broker-certificate"),
        "backlog-near-quota",
    },
    "a given Pulsar": set(),
    "a given Pulsar by TLS": {"broker-certificate"},
    "a given Pulsar that may be asked": {
        *("under-replicated", "broker-disk", "backlog-near-quota"),
    },
    "a given Pulsar whose brokers alone may be asked": {"broker-down"},
}
UNITS = {metric.name: metric.unit for metric in CATALOGUE}


def made(settings: Settings) -> dict[str, Rule]:
    return {rule.name: rule for rule in worker_rules(settings.objectives, topic_of(settings))}


EVERY_RULE = [
    pytest.param(rule, id=f"{stack}: {rule.name}")
    for stack, chosen in STACKS.items()
    for rule in made(Settings(**chosen, quiet_minutes=30)).values()
]
every_rule = pytest.mark.parametrize("rule", EVERY_RULE)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_a_rule_for_whatever_somebody_tells_of_and_no_other(stack: str) -> None:
    assert set(made(Settings(**STACKS[stack]))) == EVERYWHERE | OF_BROKERS[stack]
    asked = made(Settings(**STACKS[stack], quiet_minutes=30))
    assert set(asked) == EVERYWHERE | OF_BROKERS[stack] | {"quiet-stream"}


@every_rule
def test_an_alarm_is_one_that_cloudwatch_takes(rule: Rule) -> None:
    """CloudWatch API reference, PutMetricAlarm."""
    assert 1 <= rule.periods_to_alarm <= rule.periods
    assert rule.periods * rule.period_seconds <= 86_400
    assert len(rule.series) <= METRICS_MAX
    assert len(rule.description("https://example.com/a/long/way/to/the/runbooks")) <= 1_024
    if rule.expression:
        assert expressions.names(expressions.parse(rule.expression)) == set(rule.series)


@every_rule
def test_every_series_is_a_metric_that_somebody_publishes(
    rule: Rule, published: Mapping[str, frozenset[str]]
) -> None:
    assert_published(rule, published)


@every_rule
def test_reasons_are_sentences_and_silence_alone_never_breaches(rule: Rule) -> None:
    for said in (rule.summary, rule.threshold_reason, rule.missing_reason):
        assert said.endswith(".")
    assert rule.missing in ("notBreaching", "missing")


@every_rule
def test_a_threshold_is_in_the_unit_that_is_measured(rule: Rule) -> None:
    units = {UNITS.get(series.metric, "Percent") for series in rule.series.values()}
    if rule.unit == "milliseconds":
        assert units == {"Milliseconds"}
    if rule.unit.startswith("percent of") and rule.id != "quarantine-rate":
        assert units == {"Percent"}
        assert 0 < rule.threshold < 100


def test_what_waits_and_what_is_promised_are_told_by_the_same_rule_on_every_stream() -> None:
    strict = Settings(oldest_event_age_seconds_max=60)
    on_kinesis = {rule.id: rule for rule in rules(strict.objectives)}["oldest-event-age"]
    on_kafka = made(Settings(stream="kafka", oldest_event_age_seconds_max=60))["oldest-event-age"]
    assert on_kafka == on_kinesis
    assert on_kafka.threshold == 60_000


def test_an_objective_moves_its_own_rules_alone() -> None:
    base = Settings(stream="pulsar", pulsar_backlog_gb_max=50, quiet_minutes=30)
    moves: Mapping[str, tuple[float, set[str]]] = {
        "retention_hours": (48, {"age-against-retention"}),
        "retention_percent_max": (10, {"age-against-retention"}),
        "oldest_event_age_seconds_max": (60, {"oldest-event-age"}),
        "canary_minutes_max": (9, {"canary-not-seen"}),
        "worker_batch_ms": (60_000, set()),
        "worker_lag_max": (7, {"consumer-lag"}),
        "workers_max": (9, {"consumer-lag"}),
        "quarantine_percent_max": (5, {"quarantine-rate"}),
        "file_bytes_min": (1_000, {"small-files"}),
        "quiet_minutes": (60, {"quiet-stream"}),
        "batch_window_seconds": (200, set()),
    }
    for setting, (value, moved) in moves.items():
        changed = made(base.model_copy(update={setting: value}))
        assert {n for n, rule in changed.items() if rule != made(base)[n]} == moved, setting


def test_all_workers_that_may_come_are_counted() -> None:
    lag = made(Settings(stream="kafka", worker_lag_max=500, workers_max=3))["consumer-lag"]
    assert lag.threshold == 1_500


def test_more_brokers_than_an_alarm_takes_are_watched_by_several() -> None:
    many = made(Settings(stream="kafka", kafka_brokers_per_zone=7))
    disks = [many[name] for name in ("broker-disk", "broker-disk-2", "broker-disk-3")]
    watched = [series.beside for rule in disks for series in rule.series.values()]
    assert watched == [(("Broker ID", str(number)),) for number in range(1, 22)]
    assert {rule.runbook("runbooks") for rule in disks} == {"runbooks/broker-disk.md"}
    assert disks[2].expression == ""
    assert "broker-disk-4" not in many


def test_every_page_is_one_composite() -> None:
    chosen = made(Settings(stream="pulsar", pulsar_backlog_gb_max=50))
    pages = {page.id: set(page.members) for page in composites(tuple(chosen.values()))}
    assert pages == {
        "lake-is-late": {"canary-not-seen", "oldest-event-age"},
        "data-at-risk": {
            *("age-against-retention", "backlog-near-quota", "records-lost", "under-replicated"),
        },
    }


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_a_stack_on_a_topic_has_them_with_both_pages_and_no_other(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({"stream": stream, "package": "local"})
    kinds = ("MetricAlarm", "CompositeAlarm")
    alarms = [alarm for kind in kinds for alarm in registered.of_type(kind)]
    chosen = made(Settings(stream=stream))  # type: ignore[arg-type]
    assert {alarm.name for alarm in alarms} == {
        f"alarms-{rule}" for rule in (*chosen, "lake-is-late", "data-at-risk")
    }
    assert len(registered.outputs["alarms"]) == len(alarms)
    assert registered.outputs["topic_arn"] == registered.resources["alarms"].outputs["arn"]
    assert registered.outputs["pages_topic_arn"] != registered.outputs["topic_arn"]


def test_a_broker_s_disk_is_told_by_cluster_and_broker(register: Callable[..., Any]) -> None:
    registered = register({"stream": "kafka", "package": "local"})
    told, *queries = registered.inputs("alarms-broker-disk")["metricQueries"]
    assert told["expression"] == "MAX([broker_1, broker_2, broker_3])"
    assert [query["metric"]["dimensions"] for query in queries] == [
        {"Cluster Name": "sluice-dev-brokers", "Broker ID": number} for number in ("1", "2", "3")
    ]


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_a_stack_on_a_topic_has_a_budget_where_it_is_given_one(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({"stream": stream, "package": "local", "budget_usd": "7"})
    (budget,) = registered.of_type("Budget")
    assert budget.inputs["limitAmount"] == "7.00"


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_a_release_that_sets_off_an_alarm_is_taken_back(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({"stream": stream, "package": "local"})
    assert registered.inputs("worker-service")["alarms"] == {
        "enable": True,
        "rollback": True,
        "alarmNames": [
            registered.resources[f"alarms-{rule}"].outputs["name"]
            for rule in ("oldest-event-age", "quarantine-rate")
        ],
    }

"""The alarms of a stack on a topic: each that workers can tell of, with its page and runbook."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.alarm_rules_worker import worker_rules
from infra.settings import Settings
from pipeline.metrics import CATALOGUE, WORKER_LAG

ROOT = Path(__file__).resolve().parents[3]
RULES = {rule.id: rule for rule in worker_rules(Settings().objectives)}


def test_every_alarm_has_its_runbook_and_a_metric_that_a_worker_or_a_commit_tells() -> None:
    assert set(RULES) == {"oldest-event-age", "quarantine-rate", "records-lost", "small-files"}
    ours = {metric.name for metric in CATALOGUE}
    for rule in RULES.values():
        assert (ROOT / rule.runbook("runbooks")).is_file()
        assert {series.metric for series in rule.series.values()} <= ours
        assert {series.source for series in rule.series.values()} == {"pipeline"}


def test_an_event_that_waits_is_held_to_the_promised_freshness() -> None:
    strict = Settings(oldest_event_age_seconds_max=60).objectives
    (rule,) = [rule for rule in worker_rules(strict) if rule.id == "oldest-event-age"]
    assert rule.threshold == 60_000
    assert rule.silence_tells


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_a_stack_on_a_topic_has_them_with_both_pages_and_no_other(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({"stream": stream, "package": "local"})
    kinds = ("MetricAlarm", "CompositeAlarm")
    made = [alarm for kind in kinds for alarm in registered.of_type(kind)]
    assert {alarm.name for alarm in made} == {
        f"alarms-{rule}" for rule in (*RULES, "lake-is-late", "data-at-risk")
    }
    assert len(registered.outputs["alarms"]) == len(made)
    assert registered.outputs["topic_arn"] == registered.resources["alarms"].outputs["arn"]
    assert registered.outputs["pages_topic_arn"] != registered.outputs["topic_arn"]


@pytest.mark.parametrize(("stream", "told"), [("kafka", True), ("pulsar", False)])
def test_the_dashboard_shows_workers_and_such_brokers_as_cloudwatch_hears_of(
    stream: str, told: bool, register: Callable[..., Any]
) -> None:
    registered = register({"stream": stream, "package": "local"})
    shown = registered.inputs("dashboard")
    assert registered.outputs["dashboard"] == shown["dashboardName"]
    assert WORKER_LAG.name in shown["dashboardBody"]
    assert ("AWS/Kafka" in shown["dashboardBody"]) is told


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

"""The alarms of a stack on a topic: each that workers can tell of, with its page and runbook."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.alarm_rules_worker import worker_rules
from infra.settings import Settings
from pipeline.metrics import CATALOGUE

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


def test_a_stack_on_kafka_has_them_both_pages_and_a_dashboard(register: Callable[..., Any]) -> None:
    registered = register({"stream": "kafka", "package": "local"})
    alarms = {name for name in registered.resources if name.startswith("alarms-")}
    assert {f"alarms-{rule}" for rule in (*RULES, "lake-is-late", "data-at-risk")} <= alarms
    assert "AWS/Kafka" in registered.inputs("dashboard")["dashboardBody"]


def test_a_release_that_sets_off_an_alarm_is_taken_back(register: Callable[..., Any]) -> None:
    registered = register({"stream": "kafka", "package": "local"})
    assert registered.inputs("worker-service")["alarms"] == {
        "enable": True,
        "rollback": True,
        "alarmNames": [
            registered.resources[f"alarms-{rule}"].outputs["name"]
            for rule in ("oldest-event-age", "quarantine-rate")
        ],
    }

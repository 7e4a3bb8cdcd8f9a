"""The catalogue is what is emitted, by name, unit and dimensions, and what alarms may watch."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from infra.alarm_rules import rules
from infra.metrics_page import CATALOGUE, ORIGINS, alarms_of
from infra.settings import Settings
from pipeline import functions, names
from pipeline.domain.contracts import MEASURES
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.producer.answers import Metrics
from pipeline.producer.published import PublishedMetrics
from tests.unit.pipeline.conftest import MINUTE_MS, Aws, departure, emitted, put

Published = tuple[str, str, tuple[str, ...]]
"""A metric as CloudWatch keeps it: name, unit, and the names of its dimensions."""

RULES = rules(Settings(quiet_minutes=30).objectives)


def published(lines: Iterable[dict[str, Any]]) -> Iterator[Published]:
    """Yield what CloudWatch would extract of lines of embedded metric format."""
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == names.METRICS_NAMESPACE
            for dimensions, metric in itertools.product(
                directive["Dimensions"], directive["Metrics"]
            ):
                assert all(line[name] for name in dimensions)
                assert line[metric["Name"]] is not None
                yield metric["Name"], metric["Unit"], tuple(dimensions)


class CloudWatch:
    """Keeps what is put."""

    def __init__(self) -> None:
        self.found: set[Published] = set()

    def put_metric_data(self, **call: Any) -> None:
        assert call["Namespace"] == names.METRICS_NAMESPACE
        for datum in call["MetricData"]:
            dimensions = tuple(each["Name"] for each in datum["Dimensions"])
            self.found.add((datum["MetricName"], datum["Unit"], dimensions))


def test_what_is_emitted_is_the_catalogue_and_nothing_is_catalogued_in_vain(
    function: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.ENV_AUDIT_DELAY_SECONDS, "0")
    functions.probe_freshness(lambda: MINUTE_MS)
    functions.process_stream(put(function, departure(1), b"\xff"), lambda: MINUTE_MS)
    functions.sweep_ledger(lambda: MINUTE_MS)
    functions.probe_freshness(lambda: MINUTE_MS)
    functions.audit_lake(lambda: MINUTE_MS)
    cloudwatch: Any = CloudWatch()
    PublishedMetrics(cloudwatch, stream="s").put(Metrics())
    found = {*published(emitted(capsys)), *cloudwatch.found}
    wanted = {
        (metric.name, metric.unit, dimensions)
        for metric in CATALOGUE
        # Those of the others: tests/unit/consumer/test_service.py, test_shard_scaler.py and
        # tests/unit/watcher/test_catalogue.py.
        if metric.origin not in ("worker", "scaler", "watcher")
        for dimensions in metric.dimensions
    }
    assert found == wanted


def test_a_metric_of_the_catalogue_has_a_name_of_its_own_and_says_what_it_means() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    assert {metric.origin for metric in CATALOGUE} == set(ORIGINS)
    assert all(metric.origin == "domain" for metric in MEASURES)
    assert all(metric.meaning.endswith(".") for metric in CATALOGUE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_alarm_watches_only_what_is_catalogued_by_its_dimension(rule: Any) -> None:
    by_stream = {m.name for m in CATALOGUE if ("Stream",) in m.dimensions}
    for series in rule.series.values():
        if series.namespace == names.METRICS_NAMESPACE:
            assert series.source == "pipeline"
            assert series.metric in by_stream


def test_the_page_names_the_alarms_of_a_metric() -> None:
    watched = {alarm for metric in CATALOGUE for alarm in alarms_of(metric, RULES)}
    of_ours = {
        rule.id
        for rule in RULES
        if any(s.namespace == names.METRICS_NAMESPACE for s in rule.series.values())
    }
    assert watched == of_ours != set()


def test_a_ledger_that_refuses_is_no_reason_for_silence(
    function: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(DynamoLedger, "commit", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        functions.process_stream(put(function, departure(1)), lambda: MINUTE_MS)
    (line,) = emitted(capsys)
    assert (line["EventsStored"], line["CommitConflicts"], line["ColdStarts"]) == (0, 0, 1)

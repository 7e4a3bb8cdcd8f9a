"""Embedded metrics have the shape that CloudWatch extracts (its user guide, EMF specification)."""

import io
import json
from collections.abc import Mapping

import pytest

from pipeline import metrics
from pipeline.metrics import CATALOGUE, Metric

METRICS_MAX = 100
"""Of one directive (EMF specification, MetricDirective)."""


def embedded(values: Mapping[Metric, float], **properties: object) -> str:
    return metrics.embedded(
        values,
        namespace="Sluice",
        dimensions={metrics.STREAM_DIMENSION: "s"},
        timestamp_ms=1_795_000_000_123,
        properties=properties,
    )


def test_a_line_names_each_metric_with_its_unit_and_gives_its_value() -> None:
    line = json.loads(embedded({metrics.STORED: 3, metrics.BATCH_MS: 12.5}))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] == 1_795_000_000_123
    assert directive["Namespace"] == "Sluice"
    assert directive["Metrics"] == [
        {"Name": "EventsStored", "Unit": "Count"},
        {"Name": "BatchDuration", "Unit": "Milliseconds"},
    ]
    assert (line["EventsStored"], line["BatchDuration"]) == (3, 12.5)


def test_each_dimension_is_a_member_of_the_line_itself() -> None:
    line = json.loads(embedded({metrics.STORED: 0}))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Stream"]]
    assert line["Stream"] == "s"


def test_properties_ride_along_and_are_no_metrics() -> None:
    line = json.loads(embedded({metrics.STORED: 1}, shards=["a"], reasons={"empty": 2}))
    assert (line["shards"], line["reasons"]) == (["a"], {"empty": 2})
    assert len(line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) == 1


@pytest.mark.parametrize("name", [metric.name for metric in CATALOGUE])
def test_a_property_cannot_take_the_place_of_a_metric(name: str) -> None:
    metric = next(metric for metric in CATALOGUE if metric.name == name)
    assert json.loads(embedded({metric: 7}, **{name: "property"}))[name] == 7


def test_the_catalogue_fits_one_directive_and_says_what_each_metric_means() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE) <= METRICS_MAX
    assert all(metric.meaning.endswith(".") for metric in CATALOGUE)


def test_it_is_one_line_and_it_is_flushed() -> None:
    class Log(io.StringIO):
        flushed = False

        def flush(self) -> None:
            self.flushed = self.getvalue().endswith("}\n")

    log = Log()
    metrics.emit(embedded({metrics.STORED: 1}, text="two\nlines"), log)
    assert log.getvalue().count("\n") == 1
    assert log.flushed

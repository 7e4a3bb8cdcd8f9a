"""Embedded metrics have the shape that CloudWatch extracts (its user guide, EMF specification)."""

import io
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metric_log, metrics
from pipeline.errors import BrokenInvariant
from pipeline.metric_log import MetricLog, sampled
from pipeline.metrics import CATALOGUE, VALUES_MAX, Metric, Value

METRICS_MAX = 100
"""Of one directive (EMF specification, MetricDirective)."""


def embedded(values: Mapping[Metric, Value], **properties: object) -> str:
    return metric_log.embedded(
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


def test_it_is_one_line_of_the_stream_and_it_is_flushed() -> None:
    class Log(io.StringIO):
        flushed = False

        def flush(self) -> None:
            self.flushed = self.getvalue().endswith("}\n")

    out = Log()
    log = MetricLog(namespace="Sluice", stream="s", clock_ms=lambda: 7, log=out)
    log.write({metrics.STORED: 1}, properties={"text": "two\nlines"})
    assert out.getvalue().count("\n") == 1
    assert out.flushed
    line = json.loads(out.getvalue())
    assert (line["Stream"], line["_aws"]["Timestamp"]) == ("s", 7)


def test_a_metric_under_dimensions_that_the_catalogue_does_not_give_it_is_refused() -> None:
    with pytest.raises(BrokenInvariant, match="EventsStored is not catalogued by Stream, Reason"):
        metric_log.embedded(
            {metrics.STORED: 1},
            namespace="Sluice",
            dimensions={"Stream": "s", "Reason": "empty"},
            timestamp_ms=0,
            properties={},
        )


@pytest.mark.parametrize("count", [0, VALUES_MAX + 1])
def test_a_distribution_of_no_values_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(BrokenInvariant, match=f"has {count} values, not 1 to 100"):
        embedded({metrics.ARRIVAL_TO_QUERYABLE_MS: (1.0,) * count})


@given(st.lists(st.integers(0, 10**6), max_size=2_000))
def test_a_sample_keeps_extremes_and_percentiles(values: list[int]) -> None:
    sample = sampled(values)
    assert len(sample) == min(len(values), VALUES_MAX)
    if values:
        assert (sample[0], sample[-1]) == (min(values), max(values))
    ordered = sorted(values)
    for percent in (50, 90, 99):
        if len(values) > VALUES_MAX:
            near = int(len(values) * 0.011) + 1
            place = percent * (len(values) - 1) // 100
            found = sample[percent * (VALUES_MAX - 1) // 100]
            assert (
                ordered[max(0, place - near)]
                <= found
                <= ordered[min(place + near, len(ordered) - 1)]
            )

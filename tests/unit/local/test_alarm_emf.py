"""Metrics in a line of a function's log, and everything that is none."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.cloudwatch.logs import metrics_in
from pipeline import metric_log, metrics
from tests.local_aws import aws_rule

PAGE = "CloudWatch user guide, Specification: Embedded metric format"
ALONE = "nothing is made of the log's lines"
NOW = 1_800_000_000.0


def line(dimensions: Any, listed: Any, **root: Any) -> str:
    directive = {"Namespace": "N", "Dimensions": dimensions, "Metrics": listed}
    return json.dumps({"_aws": {"Timestamp": 5_000, "CloudWatchMetrics": [directive]}, **root})


@aws_rule(
    page=PAGE,
    says="each set of dimensions is a metric, and a list of values a distribution",
    alone=ALONE,
)
def test_every_set_of_dimensions_gets_the_whole_distribution() -> None:
    listed = [{"Name": "Age", "Unit": "Milliseconds"}, {"Name": "Count"}]
    text = line([["A"], ["A", "B"], []], listed, A="a", B="b", Age=[3, 3, 7.5], Count=2)
    found = metrics_in(text, now=NOW)
    assert [dict(datum.dimensions) for datum in found[:3]] == [{"A": "a"}, {"A": "a", "B": "b"}, {}]
    assert {datum.unit for datum in found[:3]} == {"Milliseconds"}
    assert all(dict(zip(d.values, d.counts, strict=True)) == {3: 2, 7.5: 1} for d in found[:3])
    assert [datum.values for datum in found[3:]] == [(2.0,)] * 3
    assert {datum.timestamp for datum in found} == {5.0}


def test_our_own_functions_lines_are_metrics() -> None:
    text = metric_log.embedded(
        {metrics.STORED: 5, metrics.LOST: 0},
        namespace="Sluice",
        dimensions={"Stream": "s"},
        timestamp_ms=1,
        properties={"shard": "shardId-0"},
    )
    found = metrics_in(text + "\n", now=NOW)
    assert {(datum.name, datum.values) for datum in found} == {
        ("EventsStored", (5.0,)),
        ("RangesLost", (0.0,)),
    }


@aws_rule(
    page=PAGE,
    says="a line that is malformed is kept in the log and no metric is made of it",
    alone=ALONE,
)
@pytest.mark.parametrize(
    "text",
    [
        '"_aws"',
        '{"_aws": 1}',
        '{"_aws": {}}',
        '{"_aws": {"CloudWatchMetrics": 5}}',
        '{"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "A"}]}]}, "A": 1}',
        '{"_aws": ',
        line([["A"]], [{"Name": "M"}], M=1),
        line([["A"]], [{"Name": "M"}], A=5, M=1),
        line([[]], [{"Name": "M"}], M="5"),
        line([[]], [{"Name": "M"}], M=True),
        line([[]], [{"Name": "M"}], M=[1, None]),
        line([[]], [{"Name": "M"}], M=[1] * 101),
        line([[]], [{"Name": "M"}]),
        line([[]], [{}], M=1),
        line([[]], [{"Name": "M"}], M=10**400),
    ],
)
def test_a_malformed_line_is_no_metric(text: str) -> None:
    assert metrics_in(text, now=NOW) == []


plain = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["_aws", "Timestamp", "CloudWatchMetrics", "Metrics", "Name", "Dimensions"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(plain)
def test_nothing_in_a_log_raises(value: Any) -> None:
    metrics_in(json.dumps({"_aws": value, "Name": value}), now=NOW)


@given(st.floats(), st.floats())
def test_only_finite_numbers_are_values_and_times(value: float, timestamp: float) -> None:
    directive = {"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "M"}]}
    declared = {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}
    found = metrics_in(json.dumps({"_aws": declared, "M": value}), now=NOW)
    assert len(found) == (math.isfinite(value) and math.isfinite(timestamp))

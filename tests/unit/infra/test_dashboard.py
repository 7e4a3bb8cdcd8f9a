"""The dashboard's body: what CloudWatch takes, of metrics that there are, on a grid that fits."""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.alarm_rule import DIMENSIONS, SCHEDULED, Series, Source
from infra.dashboard import ALARMS_HEIGHT, COLUMNS, layout
from infra.widget import Panel, Widget

LINE = Series(namespace="AWS/Kinesis", metric="IncomingRecords", source="stream", statistic="Sum")
SOURCES = {source: f"the-{source}" for source in DIMENSIONS}

panels = st.lists(
    st.integers(1, 8).map(
        lambda count: Panel(
            title="A part",
            widgets=tuple(Widget(title=f"graph {n}", lines=(LINE,)) for n in range(count)),
        )
    ),
    max_size=6,
)


def body(*made: Panel) -> dict[str, Any]:
    text = layout(made, region="eu-central-1", alarms=["arn:a"], sources=SOURCES)
    return dict(json.loads(text))


@given(made=panels)
def test_widgets_are_on_the_grid_and_none_covers_another(made: list[Panel]) -> None:
    widgets = body(*made)["widgets"]
    for widget in widgets:
        assert 0 <= widget["x"] < widget["x"] + widget["width"] <= COLUMNS
    cells = [
        {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        for widget in widgets
    ]
    assert not [1 for one, other in itertools.combinations(cells, 2) if one & other]


def test_the_alarms_are_on_top() -> None:
    alarms, heading, *_ = body(Panel(title="Stream", widgets=(Widget(title="In", lines=(LINE,)),)))[
        "widgets"
    ]
    assert (alarms["type"], alarms["y"], alarms["properties"]["alarms"]) == ("alarm", 0, ["arn:a"])
    assert (heading["type"], heading["y"]) == ("text", ALARMS_HEIGHT)
    assert heading["properties"] == {"markdown": "## Stream"}


def test_a_line_is_a_metric_by_its_sources_dimension() -> None:
    graph = body(Panel(title="Stream", widgets=(Widget(title="In", lines=(LINE,)),)))["widgets"][2]
    assert graph["properties"]["metrics"] == [
        [
            "AWS/Kinesis",
            "IncomingRecords",
            "StreamName",
            "the-stream",
            {"stat": "Sum", "label": "IncomingRecords Sum"},
        ]
    ]
    assert graph["properties"]["region"] == "eu-central-1"


@pytest.mark.parametrize("kind", SCHEDULED)
def test_a_line_of_a_function_on_a_timer_says_whose_it_is(kind: Source) -> None:
    failed = Series(namespace="AWS/Lambda", metric="Errors", source=kind, statistic="Sum")
    graph = body(Panel(title="Runs", widgets=(Widget(title="Failed", lines=(failed,)),)))[
        "widgets"
    ][2]
    assert graph["properties"]["metrics"][0][-1]["label"] == f"{kind}: Errors Sum"


def test_a_further_dimension_stands_beside_the_sources() -> None:
    disk = Series(
        namespace="AWS/Kafka",
        metric="KafkaDataLogsDiskUsed",
        source="brokers",
        statistic="Maximum",
        beside=(("Broker ID", "2"),),
    )
    graph = body(Panel(title="Brokers", widgets=(Widget(title="Disk", lines=(disk,)),)))["widgets"][
        2
    ]
    assert graph["properties"]["metrics"] == [
        [
            *("AWS/Kafka", "KafkaDataLogsDiskUsed", "Cluster Name", "the-brokers"),
            *("Broker ID", "2"),
            {"stat": "Maximum", "label": "Broker ID 2: KafkaDataLogsDiskUsed Maximum"},
        ]
    ]


STREAMS: Mapping[str, Mapping[str, str]] = {
    "kinesis": {},
    "kafka": {"stream": "kafka", "package": "local"},
    "pulsar": {"stream": "pulsar", "package": "local", "pulsar_backlog_gb_max": "5"},
}
every_stream = pytest.mark.parametrize("stream", STREAMS)


def _lines(registered: Any) -> list[list[Any]]:
    shown = json.loads(registered.inputs("dashboard")["dashboardBody"])["widgets"]
    return [line for w in shown if w["type"] == "metric" for line in w["properties"]["metrics"]]


@every_stream
def test_every_metric_on_the_page_is_published_by_somebody(
    stream: str, register: Callable[..., Any], published: Mapping[str, frozenset[str]]
) -> None:
    lines = _lines(register(STREAMS[stream]))
    assert [line[:2] for line in lines if line[1] not in published[line[0]]] == []
    known = {*DIMENSIONS.values(), "Broker ID", "ServiceName"}
    for _, _, *dimensions, _ in lines:
        assert set(dimensions[::2]) <= known
        assert all(value.strip() for value in dimensions[1::2])


@every_stream
def test_every_metric_that_an_alarm_watches_is_on_the_page(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({**STREAMS[stream], "quiet_minutes": "30"})
    shown = {
        (*line[:2], frozenset(zip(line[2:-1:2], line[3:-1:2], strict=True)))
        for line in _lines(registered)
    }
    # Found on the page by its age; how often it was found is the alarm's own.
    beside = {("Sluice", "CanaryFound"), ("AWS/Lambda", "Invocations")}
    for alarm in registered.of_type("MetricAlarm"):
        queries = alarm.inputs.get("metricQueries", [{"metric": alarm.inputs}])
        for metric in (query["metric"] for query in queries if "metric" in query):
            name = (metric["namespace"], metric["metricName"])
            assert (*name, frozenset(metric["dimensions"].items())) in shown or name in beside, name


def test_every_alarm_is_on_the_page_and_pages_come_first(register: Callable[..., Any]) -> None:
    registered = register()
    (alarms, *_) = json.loads(registered.inputs("dashboard")["dashboardBody"])["widgets"]
    shown = alarms["properties"]["alarms"]
    pages = {c.outputs["arn"] for c in registered.of_type("CompositeAlarm")}
    singles = {a.outputs["arn"] for a in registered.of_type("MetricAlarm")}
    assert set(shown[: len(pages)]) == pages
    assert set(shown[len(pages) :]) == singles


@pytest.mark.parametrize(("minutes", "audited"), [("5", True), ("0", False)])
def test_a_stack_without_an_auditor_shows_nothing_of_it(
    register: Callable[..., Any], minutes: str, audited: bool
) -> None:
    shown = {line[1] for line in _lines(register({"audit_minutes": minutes}))}
    assert ("AuditLost" in shown) is audited

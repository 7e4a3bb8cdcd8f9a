"""The dashboard: one page, laid out of the widgets that the components contribute."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.alarm_rule import DIMENSIONS, SCHEDULED, Series, Source
from infra.widget import Panel, Widget

COLUMNS: Final = 24
"""The grid's width (CloudWatch API reference, "Dashboard body structure and syntax")."""

ALARMS_HEIGHT: Final = 4
HEADING_HEIGHT: Final = 1
GRAPH_HEIGHT: Final = 5
GRAPHS_A_ROW: Final = 3
SHOWN: Final = "-PT3H"
"""An incident and the calm before it, at a point a minute."""


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    """What a dashboard is made from."""

    dashboard: str
    region: str
    alarm_arns: Sequence[pulumi.Input[str]]
    """In the order in which they are read: pages first."""
    panels: Sequence[Panel]
    sources: Mapping[Source, pulumi.Input[str]]
    """The value of each source's dimension."""


class Dashboard(pulumi.ComponentResource):
    """One dashboard: alarms on top, a panel a component under them."""

    dashboard_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the dashboard."""
        super().__init__("sluice:alarms:Dashboard", name, None, opts)
        alarms = pulumi.Output.all(*args.alarm_arns)
        sources = pulumi.Output.from_input(dict(args.sources))
        body = pulumi.Output.all(alarms, sources).apply(
            lambda made: layout(args.panels, region=args.region, alarms=made[0], sources=made[1])
        )
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=args.dashboard,
            dashboard_body=body,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_name = dashboard.dashboard_name
        self.register_outputs({"dashboard_name": self.dashboard_name})


def layout(
    panels: Sequence[Panel],
    *,
    region: str,
    alarms: Sequence[str],
    sources: Mapping[str, str],
) -> str:
    """Return the body as JSON: alarms by ARN, then each panel's graphs, three a row.

    The structure is CloudWatch's (its API reference, "Dashboard body structure and syntax").
    """
    widgets = [
        _placed(
            "alarm",
            {"title": "Alarms", "alarms": list(alarms)},
            x=0,
            y=0,
            width=COLUMNS,
            height=ALARMS_HEIGHT,
        )
    ]
    y = ALARMS_HEIGHT
    for panel in panels:
        heading = {"markdown": f"## {panel.title}"}
        widgets.append(_placed("text", heading, x=0, y=y, width=COLUMNS, height=HEADING_HEIGHT))
        y += HEADING_HEIGHT
        width = COLUMNS // GRAPHS_A_ROW
        for place, widget in enumerate(panel.widgets):
            row, column = divmod(place, GRAPHS_A_ROW)
            widgets.append(
                _placed(
                    "metric",
                    _graph(widget, region=region, sources=sources),
                    x=column * width,
                    y=y + row * GRAPH_HEIGHT,
                    width=width,
                    height=GRAPH_HEIGHT,
                )
            )
        y += -(-len(panel.widgets) // GRAPHS_A_ROW) * GRAPH_HEIGHT
    return json.dumps({"start": SHOWN, "widgets": widgets}, separators=(",", ":"))


def _placed(
    kind: str, properties: Mapping[str, Any], *, x: int, y: int, width: int, height: int
) -> dict[str, Any]:
    return {
        "type": kind,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "properties": properties,
    }


def _graph(widget: Widget, *, region: str, sources: Mapping[str, str]) -> dict[str, Any]:
    return {
        "title": widget.title,
        "view": "timeSeries",
        "region": region,
        "period": widget.period_seconds,
        "metrics": [_line(series, sources) for series in widget.lines],
        "yAxis": {"left": {"min": 0}},
    }


def _line(series: Series, sources: Mapping[str, str]) -> list[Any]:
    """Return one line as the structure has it: namespace, name, dimensions, rendering."""
    function = (series.source,) if series.source in SCHEDULED else ()
    apart = (*function, *(" ".join(pair) for pair in series.beside))
    label = ": ".join((*apart, f"{series.metric} {series.statistic}"))
    return [
        series.namespace,
        series.metric,
        DIMENSIONS[series.source],
        sources[series.source],
        *(each for pair in series.beside for each in pair),
        {"stat": series.statistic, "label": label},
    ]

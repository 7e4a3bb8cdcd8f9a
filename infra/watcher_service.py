"""The watcher of a topic as an ECS service on Fargate: one small task beside the workers."""

from typing import Final

import pulumi

from infra.task_service import TaskService, TaskServiceArgs
from infra.watched_topic import Topic
from infra.widget import Panel, Widget, own_series
from pipeline import metrics

CONTAINER: Final = "watcher"
COMMAND: Final = ("python", "-m", "pipeline.watcher")
_WIDGETS: Final = (
    Widget(title="Age of the oldest event (ms)", lines=own_series("Maximum", metrics.OLDEST_MS)),
    Widget(title="Age of the newest canary (ms)", lines=own_series("Maximum", metrics.CANARY_MS)),
    Widget(
        title="Records after what is committed", lines=own_series("Maximum", metrics.STREAM_LAG)
    ),
)


def panel(topic: Topic) -> Panel:
    """Return what the watcher sees of the data and of the brokers, whether or not anybody works."""
    of_brokers: dict[str, list[metrics.Metric]] = {}
    for metric in topic.metrics:
        of_brokers.setdefault(_title(metric), []).append(metric)
    return Panel(
        title="Seen from outside",
        widgets=(
            *_WIDGETS,
            *(
                Widget(title=title, lines=own_series("Maximum", *shown))
                for title, shown in of_brokers.items()
            ),
        ),
    )


def _title(metric: metrics.Metric) -> str:
    if metric is metrics.CERTIFICATE_DAYS:
        return "Days left of the certificate"
    return "Fullest (percent)" if metric.unit == "Percent" else "Missing or without copies"


class WatcherService(pulumi.ComponentResource):
    """One task in the workers' cluster and network."""

    service_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: TaskServiceArgs,
        cluster_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the service in the workers' cluster."""
        super().__init__("sluice:worker:WatcherService", name, None, opts)
        self.service_name = TaskService(name, args, cluster_arn, self).service.name
        self.register_outputs({"service_name": self.service_name})

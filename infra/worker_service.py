"""The long-running worker as an ECS service on Fargate: rolled with care, scaled by its lag."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.task_service import TaskService, TaskServiceArgs
from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics, names

CONTAINER: Final = "worker"
COMMAND: Final = ("python", "-m", "pipeline.consumer")
_WIDGETS: Final = (
    Widget(
        title="Events",
        lines=own_series(
            "Sum", metrics.RECEIVED, metrics.STORED, metrics.QUARANTINED, metrics.DUPLICATES
        ),
    ),
    Widget(
        title="Records that wait, for a worker", lines=own_series("Maximum", metrics.WORKER_LAG)
    ),
    Widget(
        title="How long the oldest fetched record waits (ms)",
        lines=own_series("Maximum", metrics.WORKER_HELD_MS),
    ),
    Widget(title="Buffers (bytes)", lines=own_series("Maximum", metrics.WORKER_BUFFER)),
    Widget(title="Lost or masked", lines=own_series("Sum", metrics.LOST, metrics.MASKED)),
)
OUT_SECONDS: Final = 60
IN_SECONDS: Final = 300
"""Workers come quickly and go slowly: each of both moves partitions."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How many workers there are at most, by the records that wait for each."""

    workers_max: int
    lag_max: int
    stream: pulumi.Input[str]
    """What the worker's metrics call the stream."""


def panel(service: str) -> Panel:
    """Return what becomes of events, how far behind workers are, and what they need."""
    needs = Widget(
        title="CPU and memory of a worker (percent)",
        lines=aws_series(
            "AWS/ECS",
            "workers",
            "Maximum",
            *("CPUUtilization", "MemoryUtilization"),
            beside=(("ServiceName", service),),
        ),
    )
    return Panel(title="Workers", widgets=(*_WIDGETS, needs))


class WorkerService(pulumi.ComponentResource):
    """Tasks of one definition, as many as the lag asks for, in private subnets."""

    cluster: aws.ecs.Cluster
    """The workers' cluster; the watcher of their stream is in it as well."""
    service_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        cluster: str,
        args: TaskServiceArgs,
        scaling: Scaling,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the cluster of that name, the service of its workers, and its scaling."""
        super().__init__("sluice:worker:WorkerService", name, None, opts)
        self._name, self._scaling = name, scaling
        self._child = pulumi.ResourceOptions(parent=self)
        self.cluster = aws.ecs.Cluster(f"{name}-cluster", name=cluster, opts=self._child)
        service = TaskService(name, args, self.cluster.arn, self).service
        self._scale(service, workers_min=args.count)
        self.service_name = service.name
        self.register_outputs(
            {"cluster_name": self.cluster.name, "service_name": self.service_name}
        )

    def _scale(self, service: aws.ecs.Service, *, workers_min: int) -> None:
        """Let target tracking add and take away workers (Application Auto Scaling user guide,
        "Target tracking scaling policies"): the mean over workers is the lag of each.
        """
        scaling = self._scaling
        target = aws.appautoscaling.Target(
            f"{self._name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", self.cluster.name, "/", service.name),
            min_capacity=workers_min,
            max_capacity=scaling.workers_max,
            opts=self._child,
        )
        aws.appautoscaling.Policy(
            f"{self._name}-scaling-by-lag",
            name="lag",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": scaling.lag_max,
                "scale_out_cooldown": OUT_SECONDS,
                "scale_in_cooldown": IN_SECONDS,
                "customized_metric_specification": {
                    "namespace": names.METRICS_NAMESPACE,
                    "metric_name": metrics.WORKER_LAG.name,
                    "dimensions": [{"name": metrics.STREAM_DIMENSION, "value": scaling.stream}],
                    "statistic": "Average",
                },
            },
            opts=self._child,
        )

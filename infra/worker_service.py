"""The long-running worker as an ECS service on Fargate: rolled with care, scaled by its lag."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
import pulumi_aws as aws

from infra import policies
from infra.policies import Statement
from infra.policies_worker import start_task
from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics, names

CONTAINER: Final = "worker"
COMMAND: Final = ("python", "-m", "pipeline.consumer")
PORT: Final = 8080
USER: Final = "10001:10001"
"""As the image has it; root may not run it even where an image forgets."""
STOP_MARGIN_SECONDS: Final = 5
"""Between the end of the worker's own grace and SIGKILL."""
ASK: Final = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{PORT}/health', timeout=4)"
HEALTH: Final = {
    "command": ["CMD", "python", "-c", ASK],
    "interval": 15,
    "timeout": 5,
    "retries": 4,
    "startPeriod": 60,
}
PERCENT_MIN: Final = 100
PERCENT_MAX: Final = 200
"""New workers come before old ones go; partitions move over one by one."""
PANEL: Final = Panel(
    title="Workers",
    widgets=(
        Widget(
            title="Events",
            lines=own_series(
                "Sum",
                metrics.RECEIVED,
                metrics.STORED,
                metrics.QUARANTINED,
                metrics.DUPLICATES,
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
        Widget(
            title="CPU and memory of a worker (percent)",
            lines=aws_series(
                "AWS/ECS", "workers", "Maximum", "CPUUtilization", "MemoryUtilization"
            ),
        ),
    ),
)
"""What becomes of events, how far behind workers are, and what they need."""
OUT_SECONDS: Final = 60
IN_SECONDS: Final = 300
"""Workers come quickly and go slowly: each of both moves partitions."""


@dataclass(frozen=True, kw_only=True)
class TaskSize:
    """What one worker gets of a machine."""

    architecture: Literal["arm64", "x86_64"]
    cpu_units: int
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How many workers there are, by the records that wait for each."""

    workers_min: int
    workers_max: int
    lag_max: int
    stream: pulumi.Input[str]
    """What the worker's metrics call the stream."""


@dataclass(frozen=True, kw_only=True)
class WorkerServiceArgs:
    """What the service is made from."""

    service: str
    """Also the family of its tasks and the names of its roles."""
    cluster: str
    region: str
    image: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    size: TaskSize
    scaling: Scaling
    variables: Mapping[str, pulumi.Input[str]]
    statements: pulumi.Input[Sequence[Statement]]
    """What a worker may do; its log is written by ECS."""
    log_group: aws.cloudwatch.LogGroup
    key_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    group_ids: Sequence[pulumi.Input[str]]
    grace_seconds: int
    secrets: Mapping[str, pulumi.Input[str]] | None = None
    """Secrets Manager's ARNs by the variables under which a worker is told them."""
    rollback_alarms: Sequence[pulumi.Input[str]] = ()
    """Alarms that take a deployment back."""


class WorkerService(pulumi.ComponentResource):
    """Tasks of one definition, as many as the lag asks for, in private subnets."""

    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: WorkerServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make cluster, roles, task definition, service and its scaling."""
        super().__init__("sluice:worker:WorkerService", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(f"{name}-cluster", name=args.cluster, opts=self._child)
        secrets = dict(sorted((args.secrets or {}).items()))
        starting = pulumi.Output.all(
            args.repository_arn, args.log_group.arn, args.key_arn, *secrets.values()
        ).apply(
            lambda arns: start_task(
                repository=arns[0], log_group=arns[1], key=arns[2], secrets=arns[3:]
            )
        )
        execution, may_start = self._role("execution", "What starts {}", starting)
        task, may_work = self._role("task", "What {} may do", args.statements)
        definition = aws.ecs.TaskDefinition(
            f"{name}-definition",
            family=args.service,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.size.cpu_units),
            memory=str(args.size.memory_mb),
            runtime_platform={
                "cpu_architecture": args.size.architecture.upper(),
                "operating_system_family": "LINUX",
            },
            execution_role_arn=execution.arn,
            task_role_arn=task.arn,
            container_definitions=self._containers(secrets),
            opts=self._child,
        )
        # A worker that runs before it is allowed to fails its first batches.
        service = self._service(cluster, definition, [may_start, may_work])
        self._scale(cluster, service)
        self.cluster_name, self.service_name = cluster.name, service.name
        self.register_outputs(
            {"cluster_name": self.cluster_name, "service_name": self.service_name}
        )

    def _role(
        self, kind: str, description: str, statements: pulumi.Input[Sequence[Statement]]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Make a role with its one policy."""
        role = aws.iam.Role(
            f"{self._name}-{kind}-role",
            name=f"{self._args.service}-{kind}",
            description=description.format(self._args.service),
            assume_role_policy=policies.assumed_by("ecs-tasks.amazonaws.com"),
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-{kind}-policy",
            name="allowed",
            role=role.name,
            policy=pulumi.Output.from_input(statements).apply(policies.document),
            opts=self._child,
        )
        return role, policy

    def _containers(self, secrets: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
        """Return the task's one container as ECS takes it: JSON."""
        args = self._args
        variables = {**args.variables, names.ENV_WORKER_HTTP_PORT: str(PORT)}
        return pulumi.Output.all(
            image=args.image,
            log_group=args.log_group.name,
            variables=dict(sorted(variables.items())),
            secrets=secrets,
        ).apply(lambda known: json.dumps([self._container(**known)], sort_keys=True))

    def _container(
        self, *, image: str, log_group: str, variables: dict[str, str], secrets: dict[str, str]
    ) -> dict[str, Any]:
        told = [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]
        return {
            "name": CONTAINER,
            "image": image,
            "command": list(COMMAND),
            "essential": True,
            "environment": [{"name": name, "value": value} for name, value in variables.items()],
            **({"secrets": told} if told else {}),
            "user": USER,
            "readonlyRootFilesystem": True,
            "linuxParameters": {"initProcessEnabled": True},
            "portMappings": [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}],
            "healthCheck": HEALTH,
            "stopTimeout": self._args.grace_seconds + STOP_MARGIN_SECONDS,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": log_group,
                    "awslogs-region": self._args.region,
                    "awslogs-stream-prefix": CONTAINER,
                },
            },
        }

    def _service(
        self,
        cluster: aws.ecs.Cluster,
        definition: aws.ecs.TaskDefinition,
        allowed: Sequence[pulumi.Resource],
    ) -> aws.ecs.Service:
        args = self._args
        alarms = aws.ecs.ServiceAlarmsArgs(
            enable=True, rollback=True, alarm_names=list(args.rollback_alarms)
        )
        return aws.ecs.Service(
            f"{self._name}-service",
            name=args.service,
            cluster=cluster.arn,
            task_definition=definition.arn,
            launch_type="FARGATE",
            desired_count=args.scaling.workers_min,
            deployment_minimum_healthy_percent=PERCENT_MIN,
            deployment_maximum_percent=PERCENT_MAX,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms=alarms if args.rollback_alarms else None,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=list(args.subnet_ids),
                security_groups=list(args.group_ids),
                assign_public_ip=False,
            ),
            propagate_tags="SERVICE",
            enable_execute_command=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(allowed),
                # How many there are is decided by the lag from here on.
                ignore_changes=["desired_count"],
            ),
        )

    def _scale(self, cluster: aws.ecs.Cluster, service: aws.ecs.Service) -> None:
        """Let target tracking add and take away workers (Application Auto Scaling user guide,
        "Target tracking scaling policies"): the mean over workers is the lag of each.
        """
        scaling = self._args.scaling
        target = aws.appautoscaling.Target(
            f"{self._name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
            min_capacity=scaling.workers_min,
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

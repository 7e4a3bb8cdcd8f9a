"""A long-running service on ECS Fargate: roles, one container, a deployment that is taken back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
import pulumi_aws as aws

from infra import policies
from infra.policies import Statement
from infra.policies_worker import start_task
from pipeline import names

PORT: Final = 8080
USER: Final = "10001:10001"
"""As the image has it; root may not run it even where an image forgets."""
_UID, _GID = USER.split(":")
WRITABLE: Final = {
    "containerPath": "/tmp",
    "size": 16,
    "mountOptions": ["nosuid", "noexec", "nodev", f"uid={_UID}", f"gid={_GID}", "mode=0700"],
}
"""All that a task may write, in memory (size in MiB): the files of its broker's credentials.

Amazon ECS API reference, "Tmpfs"; Fargate has it since January 2026 (containers-roadmap, 736).
It is the user's own, for a mode alone may yield to that of the image's folder (moby, issue 39466).
"""
STOP_MARGIN_SECONDS: Final = 5
"""Between the end of a process's own grace and SIGKILL."""
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
"""New tasks come before old ones go."""


@dataclass(frozen=True, kw_only=True)
class TaskSize:
    """What one task gets of a machine."""

    architecture: Literal["arm64", "x86_64"]
    cpu_units: int
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all services of a stack have in common: image, log, network, key."""

    region: str
    image: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    group_ids: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class TaskServiceArgs:
    """What a service is made from."""

    service: str
    """Also the family of its tasks and the names of its roles."""
    container: str
    command: Sequence[str]
    surroundings: Surroundings
    size: TaskSize
    variables: Mapping[str, pulumi.Input[str]]
    statements: pulumi.Input[Sequence[Statement]]
    """What a task may do; its log is written by ECS."""
    log_group: aws.cloudwatch.LogGroup
    grace_seconds: int
    count: int = 1
    scaled: bool = False
    """Whether somebody else says how many tasks there are, from the first `count` on."""
    secrets: Mapping[str, pulumi.Input[str]] | None = None
    """Secrets Manager's ARNs by the variables under which a task is told them."""
    rollback_alarms: Sequence[pulumi.Input[str]] = ()
    """Alarms that take a deployment back."""


class TaskService:
    """Roles, task definition and service, as children of the component that makes them."""

    service: aws.ecs.Service

    def __init__(
        self,
        name: str,
        args: TaskServiceArgs,
        cluster_arn: pulumi.Input[str],
        parent: pulumi.Resource,
    ) -> None:
        """Make them in a cluster; each is called `name` and what it is."""
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=parent)
        around = args.surroundings
        secrets = dict(sorted((args.secrets or {}).items()))
        starting = pulumi.Output.all(
            around.repository_arn, args.log_group.arn, around.key_arn, *secrets.values()
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
        # A task that runs before it is allowed to fails at its first calls.
        self.service = self._service(cluster_arn, definition, [may_start, may_work])

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
            image=args.surroundings.image,
            log_group=args.log_group.name,
            variables=dict(sorted(variables.items())),
            secrets=secrets,
        ).apply(lambda known: json.dumps([self._container(**known)], sort_keys=True))

    def _container(
        self, *, image: str, log_group: str, variables: dict[str, str], secrets: dict[str, str]
    ) -> dict[str, Any]:
        args = self._args
        told = [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]
        return {
            "name": args.container,
            "image": image,
            "command": list(args.command),
            "essential": True,
            "environment": [{"name": name, "value": value} for name, value in variables.items()],
            **({"secrets": told} if told else {}),
            "user": USER,
            "readonlyRootFilesystem": True,
            "linuxParameters": {"initProcessEnabled": True, "tmpfs": [WRITABLE]},
            "portMappings": [{"containerPort": PORT, "hostPort": PORT, "protocol": "tcp"}],
            "healthCheck": HEALTH,
            "stopTimeout": args.grace_seconds + STOP_MARGIN_SECONDS,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": log_group,
                    "awslogs-region": args.surroundings.region,
                    "awslogs-stream-prefix": args.container,
                },
            },
        }

    def _service(
        self,
        cluster_arn: pulumi.Input[str],
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
            cluster=cluster_arn,
            task_definition=definition.arn,
            launch_type="FARGATE",
            desired_count=args.count,
            deployment_minimum_healthy_percent=PERCENT_MIN,
            deployment_maximum_percent=PERCENT_MAX,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms=alarms if args.rollback_alarms else None,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=list(args.surroundings.subnet_ids),
                security_groups=list(args.surroundings.group_ids),
                assign_public_ip=False,
            ),
            propagate_tags="SERVICE",
            enable_execute_command=False,
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    depends_on=list(allowed),
                    ignore_changes=["desired_count"] if args.scaled else None,
                ),
            ),
        )

"""One Lambda function with what it cannot do without: role, log group, version and alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra import policies
from infra.network import Network

RUNTIME: Final = "python3.13"
ALIAS: Final = "live"
"""Callers name the alias, so that a deployment is one atomic move from version to version."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """The functions' package where Lambda takes it from."""

    bucket: pulumi.Input[str]
    key: pulumi.Input[str]
    sha256: str
    """Base64, as Lambda gives it."""
    architecture: Literal["arm64", "x86_64"]


@dataclass(frozen=True, kw_only=True)
class FunctionArgs:
    """What a function is made from."""

    function: str
    handler: str
    description: str
    package: Package
    variables: Mapping[str, pulumi.Input[str]]
    statements: pulumi.Input[Sequence[policies.Statement]]
    """What it may do besides writing its log."""
    log_group: str
    log_days: int
    memory_mb: int
    run_seconds_max: int
    key_arn: pulumi.Input[str]
    """Encrypts its log and its variables."""
    network: Network | None = None
    """Where it runs; None: in Lambda's own network."""
    concurrency_max: int | None = None
    """Runs at once at most; None leaves it to the account."""
    shifted: bool = False
    """Whether new versions come to the callers by `sluice deploy`, step by step: the program then
    publishes them, and leaves the alias alone once it is made."""


class Function(pulumi.ComponentResource):
    """A published function under an alias, allowed what its statements say and no more."""

    function_name: pulumi.Output[str]
    alias_name: pulumi.Output[str]
    alias_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make role, log group, function, version and alias."""
        super().__init__("sluice:function:Function", name, None, opts)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log-group",
            name=args.log_group,
            retention_in_days=args.log_days,
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        role, policy = self._role(name, args, log_group)
        function = aws.lambda_.Function(
            name,
            name=args.function,
            description=args.description,
            runtime=RUNTIME,
            handler=args.handler,
            architectures=[args.package.architecture],
            s3_bucket=args.package.bucket,
            s3_key=args.package.key,
            source_code_hash=args.package.sha256,
            role=role.arn,
            memory_size=args.memory_mb,
            timeout=args.run_seconds_max,
            environment={"variables": args.variables},
            kms_key_arn=args.key_arn,
            vpc_config=_vpc_config(args.network),
            reserved_concurrent_executions=args.concurrency_max,
            logging_config={"log_format": "Text", "log_group": log_group.name},
            publish=True,
            # A function that runs before it is allowed to fails its first batches.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        alias = aws.lambda_.Alias(
            f"{name}-alias",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["function_version", "routing_config"] if args.shifted else None,
            ),
        )
        self.function_name = function.name
        self.alias_name = alias.name
        self.alias_arn = alias.arn
        self.register_outputs(
            {
                "function_name": self.function_name,
                "alias_name": self.alias_name,
                "alias_arn": self.alias_arn,
            }
        )

    def _role(
        self, name: str, args: FunctionArgs, log_group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Make the role and its one policy."""
        role = aws.iam.Role(
            f"{name}-role",
            name=args.function,
            description=f"What {args.function} may do",
            assume_role_policy=policies.assumed_by("lambda.amazonaws.com"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        joining: pulumi.Input[list[policies.Statement]] = (
            [] if args.network is None else args.network.rights(args.function)
        )
        allowed = pulumi.Output.all(args.statements, log_group.arn, joining).apply(
            lambda made: policies.document([*made[0], *policies.write_logs(made[1]), *made[2]])
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="allowed",
            role=role.name,
            policy=allowed,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return role, policy


def _vpc_config(network: Network | None) -> aws.lambda_.FunctionVpcConfigArgs | None:
    if network is None:
        return None
    return aws.lambda_.FunctionVpcConfigArgs(
        subnet_ids=network.subnet_ids, security_group_ids=[network.callers_group_id]
    )

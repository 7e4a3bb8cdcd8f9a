"""Machines of a Pulsar cluster: a role of each kind, and groups that replace what is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, assumed_by, document
from infra.policies_pulsar import CLUSTER_TAG

IMAGE: Final = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
"""The newest Amazon Linux 2023, looked up at each start (AL2023 user guide, "AL2023 on Amazon
EC2"): it has Python 3.9, and what a machine needs beyond it comes from the stack's bucket."""
GRANTED: Final = (
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
)
"""What starting a machine with encrypted disks takes (`MachineStarter`)."""
ROOT_DEVICE: Final = "/dev/xvda"
ROOT_GB: Final = 10
START_SECONDS_MAX: Final = 600
"""How long a new machine may take to fetch its programs and serve, before it is replaced."""
HEALTHY_PERCENT_MIN: Final = 66
"""While machines are replaced on purpose: one of three at a time."""


@dataclass(frozen=True, kw_only=True)
class MachineRoleArgs:
    """What a kind of machine may do."""

    role: str
    kind: str
    statements: pulumi.Input[Sequence[Statement]]


class MachineRole(pulumi.ComponentResource):
    """A role that machines of one kind have, its rights in one policy."""

    profile_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: MachineRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make role, policy and instance profile."""
        super().__init__("sluice:stream:MachineRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role,
            description=f"What a {args.kind} of the Pulsar cluster may do",
            assume_role_policy=assumed_by("ec2.amazonaws.com"),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name=args.role,
            role=role.name,
            policy=pulumi.Output.from_input(args.statements).apply(document),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(
            f"{name}-profile", name=args.role, role=role.name, opts=child
        )
        # A machine that starts before its role may do anything would wait a minute for nothing.
        self.profile_arn = pulumi.Output.all(profile.arn, policy.id).apply(lambda v: str(v[0]))
        self.register_outputs({"profile_arn": self.profile_arn})


class MachineStarter(pulumi.ComponentResource):
    """The role by which Auto Scaling starts the cluster's machines, and its right to the key.

    Without it no machine with an encrypted disk starts (Amazon EC2 Auto Scaling user guide,
    "Required AWS KMS key policy for use with encrypted volumes"). One of the cluster's own: a
    grant wants a role that is there, and the account's may not be.
    """

    role_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: str,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make role and grant."""
        super().__init__("sluice:stream:MachineStarter", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.ServiceLinkedRole(
            f"{name}-role",
            aws_service_name="autoscaling.amazonaws.com",
            custom_suffix=cluster,
            description=f"Starts the machines of {cluster}",
            opts=child,
        )
        grant = aws.kms.Grant(
            f"{name}-grant",
            name=cluster,
            key_id=key_arn,
            grantee_principal=role.arn,
            operations=list(GRANTED),
            opts=child,
        )
        self.role_arn = pulumi.Output.all(role.arn, grant.id).apply(lambda v: str(v[0]))
        self.register_outputs({"role_arn": self.role_arn})


@dataclass(frozen=True, kw_only=True)
class MachineGroupArgs:
    """What a group of equal machines is made from."""

    group: str
    cluster: str
    machine: str
    size: int
    subnet_ids: Sequence[pulumi.Input[str]]
    profile_arn: pulumi.Input[str]
    starter_arn: pulumi.Input[str]
    """The role by which machines are started."""
    group_ids: Sequence[pulumi.Input[str]]
    """Security groups."""
    key_arn: pulumi.Input[str]
    user_data: pulumi.Input[str]
    target_group_arns: Sequence[pulumi.Input[str]] = ()
    """Where callers are sent from."""
    stateless: bool = False
    """Whether it keeps nothing: then the target groups' checks decide what is replaced."""


class MachineGroup(pulumi.ComponentResource):
    """Machines that are replaced when they are lost: by the instance metadata's second version
    alone, with encrypted disks.

    Brokers, which keep nothing, are replaced one after the other when what they run changes. What
    has volumes is not: nobody but a person sees that the copies are complete again before the next
    one goes (docs/decisions/0012-pulsar-on-machines.md).
    """

    group_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: MachineGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make launch template and group."""
        super().__init__("sluice:stream:MachineGroup", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        template = _template(name, args, child)
        group = aws.autoscaling.Group(
            name,
            name=args.group,
            min_size=args.size,
            # One that is replaced on purpose may be started before the other ends.
            max_size=args.size + 1 if args.stateless else args.size,
            desired_capacity=args.size,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(str),
            },
            target_group_arns=args.target_group_arns or None,
            health_check_type="ELB" if args.stateless else "EC2",
            service_linked_role_arn=args.starter_arn,
            health_check_grace_period=START_SECONDS_MAX,
            # Credentials are put after the first deployment: none is healthy before.
            wait_for_capacity_timeout="0",
            instance_refresh=_refresh() if args.stateless else None,
            tags=[
                {"key": key, "value": value, "propagate_at_launch": True}
                for key, value in _tags(args).items()
            ],
            opts=child,
        )
        self.group_name = group.name
        self.register_outputs({"group_name": self.group_name})


def _tags(args: MachineGroupArgs) -> dict[str, str]:
    return {"Name": args.group, CLUSTER_TAG: args.cluster}


def _refresh() -> aws.autoscaling.GroupInstanceRefreshArgs:
    return aws.autoscaling.GroupInstanceRefreshArgs(
        strategy="Rolling",
        preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
            min_healthy_percentage=HEALTHY_PERCENT_MIN, instance_warmup="60"
        ),
    )


def _template(
    name: str, args: MachineGroupArgs, opts: pulumi.ResourceOptions
) -> aws.ec2.LaunchTemplate:
    return aws.ec2.LaunchTemplate(
        f"{name}-template",
        name=args.group,
        image_id=IMAGE,
        instance_type=args.machine,
        ebs_optimized="true",
        iam_instance_profile={"arn": args.profile_arn},
        vpc_security_group_ids=args.group_ids,
        user_data=args.user_data,
        monitoring={"enabled": True},
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # No container on it could ask in the machine's name.
            "http_put_response_hop_limit": 1,
        },
        block_device_mappings=[
            {
                "device_name": ROOT_DEVICE,
                "ebs": {
                    "volume_size": ROOT_GB,
                    "volume_type": "gp3",
                    "encrypted": "true",
                    "kms_key_id": args.key_arn,
                    "delete_on_termination": "true",
                },
            }
        ],
        tag_specifications=[
            {"resource_type": kind, "tags": _tags(args)} for kind in ("instance", "volume")
        ],
        opts=opts,
    )

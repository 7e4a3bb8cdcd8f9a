"""IAM statements of private networks: what endpoints let through, and who may join a network."""

from collections.abc import Sequence
from typing import Final

from infra.policies import Statement, allow, document

DESCRIBED: Final = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
"""Amazon EC2 lets them be allowed on all resources alone (Service Authorization Reference)."""
ATTACHING: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
)


def through_endpoint(
    statements: Sequence[Statement], *, account: str, signed_by_aws: Sequence[Statement] = ()
) -> str:
    """Return an endpoint's policy: what `statements` allow, to this account's principals alone.

    `signed_by_aws` is let through for anybody: a service of AWS signs it, not this account. VPC
    guide, "Control access to VPC endpoints using endpoint policies".
    """
    own = {"StringEquals": {"aws:PrincipalAccount": account}}
    return document(
        [
            *(
                {**each, "Principal": "*", "Condition": {**each.get("Condition", {}), **own}}
                for each in statements
            ),
            *({**each, "Principal": "*"} for each in signed_by_aws),
        ]
    )


def attach_function(*, interfaces: str, within: Sequence[str], function: str) -> list[Statement]:
    """Let Lambda put a function's interfaces into subnets and group, and its code do none of it.

    `interfaces` are all network interfaces of the account and region: one has no ARN before it is
    there. Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC",
    also for the denial.
    """
    return [
        allow(DESCRIBED, ["*"]),
        allow(ATTACHING, [interfaces, *within]),
        {
            "Effect": "Deny",
            "Action": sorted((*DESCRIBED, *ATTACHING)),
            "Resource": ["*"],
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function}},
        },
    ]

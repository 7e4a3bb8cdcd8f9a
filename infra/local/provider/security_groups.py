"""Security groups and their rules."""

from dataclasses import replace
from typing import Final

from infra.local.provider.ec2 import TAGS, found_by_name, owned_arn, tag_specification
from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    deletes,
    reads,
)
from infra.local.provider.template import Given

_GROUP: Final = "$group.SecurityGroups.0"
_GROUP_READ: Final = Call(
    operation="describe_security_groups", parameters={"GroupIds": ["$id"]}, into="group"
)
_NOTHING_OUT: Final = Call(
    operation="revoke_security_group_egress",
    parameters={"GroupId": "$id", "IpPermissions": f"{_GROUP}.IpPermissionsEgress"},
    needs=(f"{_GROUP}.IpPermissionsEgress",),
)

SECURITY_GROUP: Final = ResourceType(
    token="aws:ec2/securityGroup:SecurityGroup",
    service="ec2",
    create=Call(
        operation="create_security_group",
        parameters={
            "GroupName": "$name",
            "Description": "$description",
            "VpcId": "$vpcId",
            "TagSpecifications": tag_specification("security-group"),
        },
        into="create",
    ),
    # As AWS's plugin does: a group that nobody gave a rule lets nothing out.
    finish=(_GROUP_READ, _NOTHING_OUT),
    id="$create.GroupId",
    identity=("name",),
    replaces=("description", "vpcId"),
    updates=(TAGS,),
    read=(_GROUP_READ,),
    outputs={
        "arn": owned_arn("security-group", f"{_GROUP}.OwnerId"),
        "name": f"{_GROUP}.GroupName",
    },
    delete=deletes("delete_security_group", GroupId="$id"),
    gone=("InvalidGroup.NotFound",),
    **found_by_name("describe_security_groups", "SecurityGroups"),
)

DEFAULT_SECURITY_GROUP: Final = ResourceType(
    token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    service="ec2",
    # It comes with the network and goes with it; AWS's plugin adopts it and takes its rules away.
    create=Call(
        operation="describe_security_groups",
        parameters={
            "Filters": [
                {"Name": "vpc-id", "Values": ["$vpcId"]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        },
        into="create",
    ),
    finish=(
        _GROUP_READ,
        _NOTHING_OUT,
        Call(
            operation="revoke_security_group_ingress",
            parameters={"GroupId": "$id", "IpPermissions": f"{_GROUP}.IpPermissions"},
            needs=(f"{_GROUP}.IpPermissions",),
        ),
    ),
    id="$create.SecurityGroups.0.GroupId",
    replaces=("vpcId",),
    updates=(replace(TAGS, on_create=True),),
    read=(_GROUP_READ,),
    outputs={"arn": owned_arn("security-group", f"{_GROUP}.OwnerId")},
    gone=("InvalidGroup.NotFound",),
)


def _rule(direction: str) -> ResourceType:
    """Return one rule of a security group, inwards or outwards."""
    described = {"Description": "$description"}
    permission = {
        "IpProtocol": "$ipProtocol",
        "FromPort": "$fromPort",
        "ToPort": "$toPort",
        "UserIdGroupPairs": Given(
            of="$referencedSecurityGroupId",
            then=[{"GroupId": "$referencedSecurityGroupId", **described}],
        ),
        "PrefixListIds": Given(
            of="$prefixListId", then=[{"PrefixListId": "$prefixListId", **described}]
        ),
        "IpRanges": Given(of="$cidrIpv4", then=[{"CidrIp": "$cidrIpv4", **described}]),
    }
    return ResourceType(
        token=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        service="ec2",
        create=Call(
            operation=f"authorize_security_group_{direction.lower()}",
            parameters={
                "GroupId": "$securityGroupId",
                "IpPermissions": [permission],
                "TagSpecifications": tag_specification("security-group-rule"),
            },
            into="create",
        ),
        id="$create.SecurityGroupRules.0.SecurityGroupRuleId",
        replaces=(
            *("securityGroupId", "ipProtocol", "fromPort", "toPort", "description"),
            *("referencedSecurityGroupId", "prefixListId", "cidrIpv4"),
        ),
        updates=(TAGS,),
        read=reads("describe_security_group_rules", SecurityGroupRuleIds=["$id"]),
        outputs={
            "arn": owned_arn("security-group-rule", "$read.SecurityGroupRules.0.GroupOwnerId"),
            "securityGroupRuleId": "$read.SecurityGroupRules.0.SecurityGroupRuleId",
        },
        delete=deletes(
            f"revoke_security_group_{direction.lower()}",
            GroupId="$securityGroupId",
            SecurityGroupRuleIds=["$id"],
        ),
        gone=(
            *("InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"),
            "InvalidPermission.NotFound",
        ),
        **found_by_name("describe_security_group_rules", "SecurityGroupRules")
        | {"found": {"SecurityGroupRules": ["$found.SecurityGroupRules.0"]}},
    )


TYPES: Final = (SECURITY_GROUP, DEFAULT_SECURITY_GROUP, _rule("Ingress"), _rule("Egress"))

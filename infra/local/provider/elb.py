"""Network load balancers, what they send to, and what they listen on."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Choice, Each, Given, Pairs

_TAGGED: Final = tag_updates({"ResourceArns": ["$id"]}, operations=("add_tags", "remove_tags"))


def _attributes(operation: str, owner: str, attributes: dict[str, str]) -> Update:
    """Return how true or false properties become an owner's attributes."""
    pairs = [
        Given(
            of=f"${name}",
            then={"Key": key, "Value": Choice(of=f"${name}", true="true", false="false")},
        )
        for name, key in attributes.items()
    ]
    return Update(
        properties=tuple(attributes),
        calls=(Call(operation=operation, parameters={owner: "$id", "Attributes": pairs}),),
        on_create=True,
    )


LOAD_BALANCER: Final = ResourceType(
    token="aws:lb/loadBalancer:LoadBalancer",
    service="elbv2",
    create=Call(
        operation="create_load_balancer",
        parameters={
            "Name": "$name",
            "Type": "$loadBalancerType",
            "Scheme": Choice(of="$internal", true="internal", false="internet-facing"),
            "Subnets": "$subnets",
            "SecurityGroups": "$securityGroups",
            "Tags": Pairs(of="$tags"),
        },
        into="create",
    ),
    id="$create.LoadBalancers.0.LoadBalancerArn",
    identity=("name",),
    replaces=("loadBalancerType", "internal", "subnets", "securityGroups"),
    updates=(
        _attributes(
            "modify_load_balancer_attributes",
            "LoadBalancerArn",
            {
                "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
                "enableDeletionProtection": "deletion_protection.enabled",
            },
        ),
        _TAGGED,
    ),
    read=reads("describe_load_balancers", LoadBalancerArns=["$id"]),
    outputs={"arn": "$id", "name": "$name", "dnsName": "$read.LoadBalancers.0.DNSName"},
    delete=deletes("delete_load_balancer", LoadBalancerArn="$id"),
    find=Call(operation="describe_load_balancers", parameters={"Names": ["$name"]}, into="found"),
    found="$found",
    exists=("DuplicateLoadBalancerName",),
    gone=("LoadBalancerNotFound",),
)

_HEALTH: Final = {
    "HealthCheckProtocol": "$healthCheck.protocol",
    "HealthCheckPort": "$healthCheck.port",
    "HealthCheckIntervalSeconds": "$healthCheck.interval",
    "HealthyThresholdCount": "$healthCheck.healthyThreshold",
    "UnhealthyThresholdCount": "$healthCheck.unhealthyThreshold",
}

TARGET_GROUP: Final = ResourceType(
    token="aws:lb/targetGroup:TargetGroup",
    service="elbv2",
    create=Call(
        operation="create_target_group",
        parameters={
            "Name": "$name",
            "Protocol": "$protocol",
            "Port": "$port",
            "VpcId": "$vpcId",
            "TargetType": "$targetType",
            "Tags": Pairs(of="$tags"),
            **_HEALTH,
        },
        into="create",
    ),
    id="$create.TargetGroups.0.TargetGroupArn",
    identity=("name",),
    replaces=("protocol", "port", "vpcId", "targetType"),
    updates=(
        changes(("healthCheck",), "modify_target_group", TargetGroupArn="$id", **_HEALTH),
        _attributes(
            "modify_target_group_attributes",
            "TargetGroupArn",
            {"connectionTermination": "deregistration_delay.connection_termination.enabled"},
        ),
        _TAGGED,
    ),
    read=reads("describe_target_groups", TargetGroupArns=["$id"]),
    outputs={"arn": "$id", "name": "$name"},
    delete=deletes("delete_target_group", TargetGroupArn="$id"),
    find=Call(operation="describe_target_groups", parameters={"Names": ["$name"]}, into="found"),
    found="$found",
    exists=("DuplicateTargetGroupName",),
    gone=("TargetGroupNotFound",),
)

LISTENER: Final = ResourceType(
    token="aws:lb/listener:Listener",
    service="elbv2",
    create=Call(
        operation="create_listener",
        parameters={
            "LoadBalancerArn": "$loadBalancerArn",
            "Protocol": "$protocol",
            "Port": "$port",
            "DefaultActions": Each(
                of="$defaultActions",
                to={"Type": "$item.type", "TargetGroupArn": "$item.targetGroupArn"},
            ),
            "Tags": Pairs(of="$tags"),
        },
        into="create",
    ),
    id="$create.Listeners.0.ListenerArn",
    identity=("loadBalancerArn", "port"),
    replaces=("protocol", "defaultActions"),
    updates=(_TAGGED,),
    outputs={"arn": "$id"},
    delete=deletes("delete_listener", ListenerArn="$id"),
    exists=("DuplicateListener",),
    gone=("ListenerNotFound",),
)

TYPES: Final = (LOAD_BALANCER, TARGET_GROUP, LISTENER)

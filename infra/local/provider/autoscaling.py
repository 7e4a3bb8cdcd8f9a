"""Auto-scaling groups of machines."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    deletes,
    reads,
)
from infra.local.provider.template import Each, Template

_SIZES: Final[Template] = {
    "AutoScalingGroupName": "$name",
    "MinSize": "$minSize",
    "MaxSize": "$maxSize",
    "DesiredCapacity": "$desiredCapacity",
    "HealthCheckType": "$healthCheckType",
    "HealthCheckGracePeriod": "$healthCheckGracePeriod",
    "LaunchTemplate": {
        "LaunchTemplateId": "$launchTemplate.id",
        "Version": "$launchTemplate.version",
    },
}
_GROUPS: Final = {"AutoScalingGroupNames": ["$name"]}

GROUP: Final = ResourceType(
    token="aws:autoscaling/group:Group",
    service="autoscaling",
    create=Call(
        operation="create_auto_scaling_group",
        parameters={
            **_SIZES,
            # One subnet a zone: the API wants them joined, and a group here has one or all.
            "VPCZoneIdentifier": "$vpcZoneIdentifiers.0",
            "TargetGroupARNs": "$targetGroupArns",
            "ServiceLinkedRoleARN": "$serviceLinkedRoleArn",
            "Tags": Each(
                of="$tags",
                to={
                    "Key": "$item.key",
                    "Value": "$item.value",
                    "PropagateAtLaunch": "$item.propagateAtLaunch",
                },
            ),
        },
    ),
    id="$name",
    identity=("name",),
    replaces=("vpcZoneIdentifiers", "targetGroupArns", "serviceLinkedRoleArn"),
    # Nothing runs here that could be refreshed, waited for or kept.
    ignored=("instanceRefresh", "waitForCapacityTimeout", "forceDelete", "tags"),
    updates=(
        changes(
            (
                *("minSize", "maxSize", "desiredCapacity"),
                *("healthCheckType", "healthCheckGracePeriod", "launchTemplate"),
            ),
            "update_auto_scaling_group",
            **_SIZES,
        ),
    ),
    read=reads("describe_auto_scaling_groups", **_GROUPS),
    outputs={"arn": "$read.AutoScalingGroups.0.AutoScalingGroupARN", "name": "$name"},
    delete=deletes("delete_auto_scaling_group", AutoScalingGroupName="$name", ForceDelete=True),
    exists=("AlreadyExists",),
    gone=("ValidationError",),
)

TYPES: Final = (GROUP,)

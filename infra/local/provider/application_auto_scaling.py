"""What a service scales between, and by what."""

from typing import Any, Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Each

_SCALED: Final = {
    "ServiceNamespace": "$serviceNamespace",
    "ResourceId": "$resourceId",
    "ScalableDimension": "$scalableDimension",
}
_IDENTITY: Final = ("serviceNamespace", "resourceId", "scalableDimension")
_BOUNDS: Final = {**_SCALED, "MinCapacity": "$minCapacity", "MaxCapacity": "$maxCapacity"}

TARGET: Final = ResourceType(
    token="aws:appautoscaling/target:Target",
    service="application-autoscaling",
    create=Call(operation="register_scalable_target", parameters={**_BOUNDS, "Tags": "$tags"}),
    id="$resourceId",
    identity=_IDENTITY,
    updates=(
        changes(("minCapacity", "maxCapacity"), "register_scalable_target", **_BOUNDS),
        tag_updates({"ResourceARN": "$out.arn"}, tags="$tags"),
    ),
    read=reads(
        "describe_scalable_targets",
        ServiceNamespace="$serviceNamespace",
        ResourceIds=["$resourceId"],
        ScalableDimension="$scalableDimension",
    ),
    outputs={
        "arn": "$read.ScalableTargets.0.ScalableTargetARN",
        "resourceId": "$resourceId",
        "scalableDimension": "$scalableDimension",
        "serviceNamespace": "$serviceNamespace",
    },
    told={
        "minCapacity": "$read.ScalableTargets.0.MinCapacity",
        "maxCapacity": "$read.ScalableTargets.0.MaxCapacity",
    },
    delete=deletes("deregister_scalable_target", **_SCALED),
    gone=("ObjectNotFoundException",),
)

_TRACKED: Final = "$targetTrackingScalingPolicyConfiguration"
_METRIC: Final = f"{_TRACKED}.customizedMetricSpecification"
_PUT: Final[dict[str, Any]] = {
    **_SCALED,
    "PolicyName": "$name",
    "PolicyType": "$policyType",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": f"{_TRACKED}.targetValue",
        "ScaleOutCooldown": f"{_TRACKED}.scaleOutCooldown",
        "ScaleInCooldown": f"{_TRACKED}.scaleInCooldown",
        "CustomizedMetricSpecification": {
            "Namespace": f"{_METRIC}.namespace",
            "MetricName": f"{_METRIC}.metricName",
            "Statistic": f"{_METRIC}.statistic",
            "Dimensions": Each(
                of=f"{_METRIC}.dimensions", to={"Name": "$item.name", "Value": "$item.value"}
            ),
        },
    },
}

POLICY: Final = ResourceType(
    token="aws:appautoscaling/policy:Policy",
    service="application-autoscaling",
    create=Call(operation="put_scaling_policy", parameters=_PUT),
    id="$name",
    identity=("name", *_IDENTITY),
    replaces=("policyType",),
    updates=(changes(("targetTrackingScalingPolicyConfiguration",), "put_scaling_policy", **_PUT),),
    read=reads(
        "describe_scaling_policies",
        ServiceNamespace="$serviceNamespace",
        ResourceId="$resourceId",
        ScalableDimension="$scalableDimension",
        PolicyNames=["$name"],
    ),
    outputs={"arn": "$read.ScalingPolicies.0.PolicyARN", "name": "$name"},
    delete=deletes("delete_scaling_policy", **_SCALED, PolicyName="$name"),
    gone=("ObjectNotFoundException",),
)

TYPES: Final = (TARGET, POLICY)

"""Application Auto Scaling's operations for ECS services, and the minute in which it acts.

API reference of Application Auto Scaling. A policy has two alarms in CloudWatch, as on AWS, which
are evaluated as all others are.
"""
# ruff: noqa: SLF001 - the pinned version's own records are what is worked on

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from ministack import app
from ministack.core import router
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    new_uuid,
)
from ministack.services import cloudwatch

from infra.local.autoscaling.scaler import Request, act, policies, service_of, targets
from infra.local.autoscaling.tracking import IN_MINUTES, IN_SHARE, OUT_MINUTES

SERVICE: Final = "application-autoscaling"
PREFIX: Final = "AnyScaleFrontendService"
DIMENSION: Final = "ecs:service:DesiredCount"
KIND: Final = "TargetTrackingScaling"
IDENTITY: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")
METRIC: Final = ("MetricName", "Namespace", "Dimensions", "Statistic", "Unit", "Metrics")

Answer = tuple[int, dict[str, str], bytes]


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
) -> Answer:
    """Answer one call."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    answer: Answer
    if operation not in OPERATIONS:
        answer = _refusal(f"{operation} is not done by the local AWS")
    else:
        answer = OPERATIONS[operation](json.loads(body or b"{}"))
    return answer


def register_target(data: Request) -> Answer:
    """Make or change what may be scaled; what is left out stays."""
    if data.get("ScalableDimension") != DIMENSION:
        return _refusal(f"only {DIMENSION} is scaled by the local AWS")
    key = data["ResourceId"]
    if service_of(key) is None:
        return _refusal(f"ECS service doesn't exist: {key}")
    found = targets.get(key) or {
        **{name: data[name] for name in IDENTITY},
        "CreationTime": time.time(),
        "ScalableTargetARN": _arn(f"scalable-target/{new_uuid()[:17]}"),
        "SuspendedState": {},
        "RoleARN": f"arn:aws:iam::{get_account_id()}:role/aws-service-role/ecs.{SERVICE}",
    }
    found |= {n: data[n] for n in ("MinCapacity", "MaxCapacity", "SuspendedState") if n in data}
    if "MinCapacity" not in found or "MaxCapacity" not in found:
        return _refusal("a new target needs MinCapacity and MaxCapacity")
    if not 0 <= found["MinCapacity"] <= found["MaxCapacity"]:
        return _refusal("MinCapacity must not be more than MaxCapacity")
    targets[key] = found
    found["_tags"] = {**found.get("_tags", {}), **data.get("Tags", {})}
    return _answer({"ScalableTargetARN": found["ScalableTargetARN"]})


def describe_targets(data: Request) -> Answer:
    """Return the targets, of some resources or all."""
    wanted = data.get("ResourceIds")
    found = [_public(t) for t in targets.values() if not wanted or t["ResourceId"] in wanted]
    return _answer({"ScalableTargets": found})


def deregister_target(data: Request) -> Answer:
    """Delete a target, and the policies that moved it."""
    if targets.pop(data["ResourceId"], None) is None:
        return _missing(f"no scalable target {data['ResourceId']}")
    for policy in [p for p in policies.values() if p["ResourceId"] == data["ResourceId"]]:
        _drop(policy)
    return _answer({})


def put_policy(data: Request) -> Answer:
    """Make or change a policy, with its two alarms."""
    settings = data.get("TargetTrackingScalingPolicyConfiguration") or {}
    if data.get("PolicyType", KIND) != KIND or "CustomizedMetricSpecification" not in settings:
        return _refusal(f"only {KIND} by a metric of one's own is done by the local AWS")
    if targets.get(data["ResourceId"]) is None:
        return _missing(f"no scalable target {data['ResourceId']}")
    key = f"{data['ResourceId']}/{data['PolicyName']}"
    earlier = policies.get(key)
    identifier = new_uuid()
    policy = earlier or {
        **{name: data[name] for name in (*IDENTITY, "PolicyName")},
        "PolicyType": KIND,
        "PolicyARN": _arn(f"scalingPolicy:{identifier}:resource/ecs/{key}"),
        "CreationTime": time.time(),
        "_id": identifier,
    }
    policy["TargetTrackingScalingPolicyConfiguration"] = settings
    policy["Alarms"] = [_alarm(policy, high=True), _alarm(policy, high=False)]
    policies[key] = policy
    return _answer({"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]})


def describe_policies(data: Request) -> Answer:
    """Return the policies, by name, of a resource, or all."""
    named, resource = data.get("PolicyNames"), data.get("ResourceId")
    found = [
        _public(policy)
        for policy in policies.values()
        if (not named or policy["PolicyName"] in named) and resource in (None, policy["ResourceId"])
    ]
    return _answer({"ScalingPolicies": found})


def delete_policy(data: Request) -> Answer:
    """Delete a policy with its alarms."""
    policy = policies.get(f"{data['ResourceId']}/{data['PolicyName']}")
    if policy is None:
        return _missing(f"no scaling policy {data['PolicyName']}")
    _drop(policy)
    return _answer({})


def list_tags(data: Request) -> Answer:
    """Return a target's tags."""
    target = _by_arn(data["ResourceARN"])
    return _missing(data["ResourceARN"]) if target is None else _answer({"Tags": target["_tags"]})


def tag(data: Request) -> Answer:
    """Tag a target."""
    target = _by_arn(data["ResourceARN"])
    if target is None:
        return _missing(data["ResourceARN"])
    target["_tags"] |= data["Tags"]
    return _answer({})


def untag(data: Request) -> Answer:
    """Take tags off a target."""
    target = _by_arn(data["ResourceARN"])
    if target is None:
        return _missing(data["ResourceARN"])
    target["_tags"] = {k: v for k, v in target["_tags"].items() if k not in data["TagKeys"]}
    return _answer({})


OPERATIONS: Final[dict[str, Callable[[Request], Answer]]] = {
    "RegisterScalableTarget": register_target,
    "DescribeScalableTargets": describe_targets,
    "DeregisterScalableTarget": deregister_target,
    "PutScalingPolicy": put_policy,
    "DescribeScalingPolicies": describe_policies,
    "DeleteScalingPolicy": delete_policy,
    "ListTagsForResource": list_tags,
    "TagResource": tag,
    "UntagResource": untag,
}


def install(
    *, lock: AbstractContextManager[Any], wake: Callable[[], None], minute_seconds: float
) -> None:
    """Put the service where ministack looks for one, and act every minute.

    `lock` is held while ECS's records change, `wake` has its agent look at them.
    """
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": [PREFIX],
        "credential_scope": SERVICE,
    }
    app.SERVICE_HANDLERS[SERVICE] = handle_request

    def run() -> None:
        pause = threading.Event()
        while not pause.wait(minute_seconds):
            with lock:
                moved = act(minute_seconds=minute_seconds)
            if moved:
                wake()

    threading.Thread(target=run, daemon=True, name="autoscaling").start()


def _alarm(policy: Request, *, high: bool) -> dict[str, str]:
    """Put the alarm of one direction, under AWS's name; return it as a policy names it."""
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = settings["CustomizedMetricSpecification"]
    minutes = OUT_MINUTES if high else IN_MINUTES
    level = "High" if high else "Low"
    name = f"TargetTracking-{policy['ResourceId']}-Alarm{level}-{policy['_id']}"
    comparison = "GreaterThanThreshold" if high else "LessThanThreshold"
    period = {} if "Metrics" in metric else {"Period": 60}
    answer = cloudwatch._put_metric_alarm(
        {},
        {
            **{key: metric[key] for key in METRIC if key in metric},
            **period,
            "AlarmName": name,
            "AlarmDescription": "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy.",
            "ActionsEnabled": True,
            "ComparisonOperator": comparison,
            "Threshold": settings["TargetValue"] * (1.0 if high else IN_SHARE),
            "EvaluationPeriods": minutes,
            "TreatMissingData": "missing",
        },
        False,
        True,
    )
    if answer[0] != 200:
        raise ValueError(answer[2].decode())
    return {"AlarmName": name, "AlarmARN": cloudwatch._alarms[name]["AlarmArn"]}


def _drop(policy: Request) -> None:
    for alarm in policy["Alarms"]:
        cloudwatch._alarms.pop(alarm["AlarmName"], None)
    policies.pop(f"{policy['ResourceId']}/{policy['PolicyName']}", None)


def _by_arn(arn: str) -> Request | None:
    return next((t for t in targets.values() if t["ScalableTargetARN"] == arn), None)


def _arn(what: str) -> str:
    kind = "autoscaling" if what.startswith("scalingPolicy") else SERVICE
    return f"arn:aws:{kind}:{get_region()}:{get_account_id()}:{what}"


def _public(record: Request) -> Request:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _answer(data: Request) -> Answer:
    answer: Answer = json_response(data)
    return answer


def _refusal(message: str) -> Answer:
    answer: Answer = error_response_json("ValidationException", message, 400)
    return answer


def _missing(message: str) -> Answer:
    answer: Answer = error_response_json("ObjectNotFoundException", message, 400)
    return answer

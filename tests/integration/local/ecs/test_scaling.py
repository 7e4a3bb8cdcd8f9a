"""Workers follow their lag: target tracking moves a service of ECS by a metric of CloudWatch."""

from typing import Any

from tests.local_aws import aws_rule

PAGE = "Application Auto Scaling user guide, How target tracking scaling works"


def scaled(service: Any, *, least: int = 1, most: int = 4) -> Any:
    """Let the metric `Lag` of the service move it; return the client."""
    client = service.lab.client("application-autoscaling")
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{service.name}/{service.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    client.register_scalable_target(**where, MinCapacity=least, MaxCapacity=most)
    client.put_scaling_policy(
        **where,
        PolicyName="lag",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 100.0,
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 60,
            "CustomizedMetricSpecification": {
                "Namespace": "Test",
                "MetricName": "Lag",
                "Dimensions": [{"Name": "Of", "Value": service.name}],
                "Statistic": "Average",
            },
        },
    )
    return client


@aws_rule(
    page=PAGE,
    says=(
        "3 minutes above the target add capacity in proportion, 15 minutes below 90 % of it take"
        " some away, within the target's limits"
    ),
    alone="has no such service",
    here="for ECS services, by a metric of one's own; one task at a time is taken away",
)
def test_lag_brings_workers_and_its_end_takes_them_away(service: Any, watch: Any) -> None:
    service.create(service.define())
    service.runs(1)
    scaled(service)

    def counted(lag: float) -> int:
        watch.put("Lag", lag, Of=service.name)
        return int(service.described()["desiredCount"])

    service.lab.wait_for(lambda: counted(250.0) == 3)
    service.runs(3)
    service.lab.wait_for(lambda: counted(10.0) == 1)
    service.runs(1)


def test_a_target_that_is_suspended_stays_as_it_is(service: Any, watch: Any) -> None:
    service.create(service.define())
    client = scaled(service)
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{service.name}/{service.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    client.register_scalable_target(**where, SuspendedState={"DynamicScalingOutSuspended": True})
    [target] = client.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[where["ResourceId"]]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    named = {"ServiceNamespace": "ecs", "ResourceId": where["ResourceId"]}
    [policy] = client.describe_scaling_policies(**named)["ScalingPolicies"]
    high = policy["Alarms"][0]["AlarmName"]
    watch.becomes(high, "ALARM", lambda: watch.put("Lag", 900.0, Of=service.name))
    assert service.described()["desiredCount"] == 1
    client.deregister_scalable_target(**where)
    assert client.describe_scaling_policies(**named)["ScalingPolicies"] == []

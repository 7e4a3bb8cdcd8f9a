"""`sluice broker` where AWS has the brokers: what it asks, held to AWS's own service models."""

from typing import Any

import pytest

from pipeline.errors import OperatingError
from sluice.alarms import Alarm
from sluice.broker import MskBrokers, PulsarMachines
from tests.stubbed import stubbed

ARN = "arn:aws:kafka:eu-central-1:123456789012:cluster/sluice-prod-brokers/0a1b"
CLUSTER = "sluice-prod-brokers"


def cluster(kind: str) -> dict[str, Any]:
    return {"ClusterInfo": {"ClusterArn": ARN, "ClusterType": kind, "State": "ACTIVE"}}


def test_the_brokers_of_msk_are_told_by_their_numbers_and_rebooted_one_at_a_time() -> None:
    client, stubber = stubbed("kafka")
    nodes: list[dict[str, Any]] = [
        {"BrokerNodeInfo": {"BrokerId": float(n), "Endpoints": [f"b-{n}.example"]}} for n in (1, 2)
    ]
    nodes.append({"ControllerNodeInfo": {"Endpoints": ["c-10001.example"]}})
    stubber.add_response("describe_cluster_v2", cluster("PROVISIONED"), {"ClusterArn": ARN})
    stubber.add_response("list_nodes", {"NodeInfoList": nodes}, {"ClusterArn": ARN})
    stubber.add_response("reboot_broker", {}, {"ClusterArn": ARN, "BrokerIds": ["2"]})
    brokers = MskBrokers(client, ARN)
    assert [(node.id, node.name, node.state) for node in brokers.nodes()] == [
        ("1", "b-1.example", "cluster ACTIVE"),
        ("2", "b-2.example", "cluster ACTIVE"),
    ]
    assert "rebooted" in brokers.restart("2")
    stubber.assert_no_pending_responses()


def test_a_serverless_cluster_has_no_broker_to_look_after() -> None:
    client, stubber = stubbed("kafka")
    stubber.add_response("describe_cluster_v2", cluster("SERVERLESS"), {"ClusterArn": ARN})
    assert MskBrokers(client, ARN).nodes() == []


def test_what_aws_refuses_is_said_with_what_was_wanted() -> None:
    client, stubber = stubbed("kafka")
    stubber.add_client_error("reboot_broker", "BadRequestException", "cluster is not ACTIVE")
    with pytest.raises(OperatingError, match=r"cannot reboot broker 2: .*cluster is not ACTIVE"):
        MskBrokers(client, ARN).restart("2")


def test_the_machines_of_a_pulsar_are_told_by_their_groups_and_replaced() -> None:
    client, stubber = stubbed("autoscaling")
    machines = [
        {
            "InstanceId": f"i-{number}",
            "AutoScalingGroupName": group,
            "AvailabilityZone": "eu-central-1a",
            "LifecycleState": "InService",
            "HealthStatus": "HEALTHY",
            "ProtectedFromScaleIn": False,
        }
        for number, group in enumerate((f"{CLUSTER}-broker", f"{CLUSTER}-bookie-1", "another"))
    ]
    stubber.add_response("describe_auto_scaling_instances", {"AutoScalingInstances": machines}, {})
    stubber.add_response(
        "terminate_instance_in_auto_scaling_group",
        {},
        {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": False},
    )
    brokers = PulsarMachines(client, CLUSTER)
    assert [(node.id, node.name) for node in brokers.nodes()] == [
        ("i-1", "bookie-1"),
        ("i-0", "broker"),
    ]
    assert "replaced" in brokers.restart("i-1")
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize("alarm_id", ["broker-disk", "broker-disk-2", "broker-disk-10"])
def test_alarms_that_are_one_for_an_operator_have_one_runbook(alarm_id: str) -> None:
    alarm = Alarm(id=alarm_id, name=alarm_id, state="ALARM", since="", reason="")
    assert alarm.runbook == "broker-disk"

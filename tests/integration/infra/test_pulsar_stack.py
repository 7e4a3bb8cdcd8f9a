"""A stack on Pulsar's own machines, made on the embedded AWS, changed and taken down."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.pulsar.programs import TOPICS_KEY
from infra.pulsar_secrets import KINDS

OWN = {
    "stream": "pulsar",
    "pulsar_cluster": "own",
    "package": "local",
    "retain_data": "false",
    "destroy_data": "true",
    "pulsar_bookies_per_zone": "1",
}


@pytest.fixture(scope="module")
def stack(deployment: Callable[[str], Any]) -> Any:
    made = deployment("pulsar")
    made.settings = {**made.settings, **OWN}
    made.outputs = made.up()
    return made


def test_every_machine_has_a_group(stack: Any, client: Callable[[str], Any]) -> None:
    groups = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    sizes = {g["AutoScalingGroupName"]: g["DesiredCapacity"] for g in groups}
    cluster = f"sluice-{stack.stack}-brokers"
    assert sizes == {
        f"{cluster}-broker": 3,
        **{f"{cluster}-metadata-{zone}": 1 for zone in (1, 2, 3)},
        **{f"{cluster}-bookie-{zone}-1": 1 for zone in (1, 2, 3)},
    }


def test_a_machine_is_told_where_the_metadata_store_is(
    stack: Any, client: Callable[[str], Any]
) -> None:
    ec2 = client("ec2")
    found = ec2.describe_launch_template_versions(
        LaunchTemplateName=f"sluice-{stack.stack}-brokers-broker", Versions=["$Latest"]
    )
    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    text = gzip.decompress(base64.b64decode(data["UserData"])).decode()
    written = {
        each["path"]: each["content"] for each in json.loads(text.partition("\n")[2])["write_files"]
    }
    addresses = [
        each["PrivateIpAddress"]
        for each in ec2.describe_network_interfaces()["NetworkInterfaces"]
        if each.get("Description", "").startswith("Metadata server")
    ]
    assert len(addresses) == 3
    assert all(f"{address}:2181" in written["/etc/pulsar/broker.conf"] for address in addresses)
    machine = json.loads(written["/etc/pulsar/machine.json"])
    assert machine["secrets"][0]["arn"] == stack.outputs["broker_secrets"]["brokers"]


def test_the_topics_lie_in_the_clusters_bucket(stack: Any, client: Callable[[str], Any]) -> None:
    s3, bucket = client("s3"), stack.outputs["broker_bucket"]
    wanted = json.loads(s3.get_object(Bucket=bucket, Key=TOPICS_KEY)["Body"].read())
    assert wanted["topics"][0]["partitions"] == 6


def test_secrets_are_there_and_empty(stack: Any, client: Callable[[str], Any]) -> None:
    manager = client("secretsmanager")
    assert stack.outputs["broker_secrets"].keys() == KINDS.keys()
    for arn in stack.outputs["broker_secrets"].values():
        assert manager.describe_secret(SecretId=arn)["KmsKeyId"] == stack.outputs["key_arn"]


def test_more_partitions_change_the_topics_and_no_machine(
    stack: Any, client: Callable[[str], Any]
) -> None:
    stack.up(partition_count="8")
    body = client("s3").get_object(Bucket=stack.outputs["broker_bucket"], Key=TOPICS_KEY)["Body"]
    assert json.loads(body.read())["topics"][0]["partitions"] == 8
    assert [event for event in stack.events if "emplate" in event or "stream-broker" in event] == []


def test_it_goes_whole(stack: Any, client: Callable[[str], Any]) -> None:
    stack.down()
    assert client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    interfaces = client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    assert [e for e in interfaces if e.get("Description", "").startswith("Metadata server")] == []

"""What a stack on Pulsar's own machines registers, beside what every stack keeps."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.costs.line import GB
from infra.pulsar_nodes import jvm_of
from infra.settings_pulsar import MEMORY_MB
from pipeline import names
from pipeline.errors import UserError

PULSAR = {"stream": "pulsar", "package": "local"}


@pytest.fixture(scope="module")
def made(register: Callable[..., Any]) -> Any:
    return register(PULSAR)


def files(registered: Any, template: str) -> dict[str, str]:
    packed = base64.b64decode(registered.inputs(template)["userData"])
    config = json.loads(gzip.decompress(packed).decode().partition("\n")[2])
    return {each["path"]: each["content"] for each in config["write_files"]}


def test_each_zone_has_a_metadata_server_and_two_bookies_and_any_zone_brokers(made: Any) -> None:
    groups = {group.name: group.inputs for group in made.of_type("Group")}
    assert groups.keys() == {
        *(f"stream-metadata-{zone}" for zone in (1, 2, 3)),
        *(f"stream-bookie-{zone}-{number}" for zone in (1, 2, 3) for number in (1, 2)),
        "stream-broker",
    }
    for name, inputs in groups.items():
        assert len(inputs["vpcZoneIdentifiers"]) == (3 if name == "stream-broker" else 1)


def test_volumes_are_in_the_zone_of_the_machine_that_takes_them(made: Any) -> None:
    for zone, letter in ((1, "a"), (2, "b"), (3, "c")):
        group = made.inputs(f"stream-bookie-{zone}-1")
        assert group["vpcZoneIdentifiers"] == [f"network-subnet-eu-central-1{letter}-id"]
        for what in ("journal", "ledgers"):
            volume = made.inputs(f"stream-bookie-{zone}-1-{what}")
            assert volume["availabilityZone"] == f"eu-central-1{letter}"
        told = json.loads(
            files(made, f"stream-bookie-{zone}-1-template")["/etc/pulsar/machine.json"]
        )
        assert [each["id"] for each in told["volumes"]] == [
            f"stream-bookie-{zone}-1-journal-id",
            f"stream-bookie-{zone}-1-ledgers-id",
        ]


def test_machines_with_volumes_use_what_these_grow_by(made: Any) -> None:
    timer = "/etc/systemd/system/pulsar-volumes.timer"
    for kind in ("metadata-1", "bookie-1-1"):
        written = files(made, f"stream-{kind}-template")
        assert "OnCalendar=minutely" in written[timer]
        unit = written["/etc/systemd/system/pulsar-volumes.service"]
        # Root alone may, and only when the volumes are mounted.
        assert "User=root\nExecStartPre=/usr/bin/test -e /run/pulsar/ready\n" in unit
        assert "infra.pulsar.node.grow_volumes /etc/pulsar/machine.json\n" in unit
    assert timer not in files(made, "stream-broker-template")


def test_every_machine_that_places_copies_knows_the_networks_of_the_zones(made: Any) -> None:
    cidrs = [made.inputs(f"network-subnet-eu-central-1{z}")["cidrBlock"] for z in "abc"]
    for template in ("stream-broker-template", "stream-bookie-2-1-template"):
        program = files(made, template)["/etc/pulsar/zone_of"]
        assert [cidr in program for cidr in cidrs] == [True] * 3


def test_only_brokers_are_rolled_by_the_program(made: Any) -> None:
    rolled = [g.name for g in made.of_type("Group") if "instanceRefresh" in g.inputs]
    assert rolled == ["stream-broker"]


def test_workers_get_their_credentials_and_nobody_gets_what_signs(made: Any) -> None:
    containers = json.loads(made.inputs("worker-definition")["containerDefinitions"])
    told = {each["name"]: each["valueFrom"] for each in containers[0]["secrets"]}
    assert told == {names.ENV_BROKER_CREDENTIALS: made.outputs["broker_secrets"]["worker"]}
    signing = made.outputs["broker_secrets"]["signing"]
    policies = [policy.inputs["policy"] for policy in made.of_type("RolePolicy")]
    assert policies
    assert not any(signing in policy for policy in policies)


def test_settings_reach_the_files_of_the_machines(register: Callable[..., Any]) -> None:
    moved = register(
        {
            **PULSAR,
            "pulsar_backlog_gb_max": "5",
            "pulsar_offload_gb": "7",
            "retention_hours": "48",
            "partition_count": "9",
            "pulsar_brokers": "4",
        }
    )
    text = files(moved, "stream-broker-template")["/etc/pulsar/broker.conf"]
    assert f"backlogQuotaDefaultLimitBytes={5 * GB}\n" in text
    assert f"managedLedgerOffloadAutoTriggerSizeThresholdBytes={7 * GB}\n" in text
    assert "defaultRetentionTimeInMinutes=2880\n" in text
    wanted = json.loads(moved.inputs("stream-topics")["content"])
    assert wanted["topics"][0]["partitions"] == 9
    assert wanted["namespaces"][0]["offload_bytes"] == 7 * GB
    assert moved.inputs("stream-broker")["desiredCapacity"] == 4


def test_a_given_cluster_makes_no_machine(register: Callable[..., Any]) -> None:
    url = "pulsar+ssl://pulsar.example.com:6651"
    given = register({**PULSAR, "pulsar_cluster": "given", "service_url": url})
    assert given.of_type("Group") == []
    assert given.outputs["connection"]["service_url"] == url
    assert given.outputs["connection"]["topic"].startswith("persistent://public/default/")


def test_a_name_that_the_load_balancer_cannot_have_is_refused(
    register: Callable[..., Any],
) -> None:
    with pytest.raises(UserError, match="too long for the name of its brokers' load balancer"):
        register(PULSAR, stack="a-stack-with-a-long-name")


@pytest.mark.parametrize("machine", MEMORY_MB)
def test_a_server_leaves_memory_to_the_page_cache(machine: str) -> None:
    jvm = jvm_of(machine)
    assert 0.5 < (jvm.heap_mb + jvm.direct_mb) / MEMORY_MB[machine] < 0.7

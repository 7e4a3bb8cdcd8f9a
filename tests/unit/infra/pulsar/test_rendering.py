"""What a machine of the cluster gets, as text."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from infra.pulsar import bookie, broker, metadata_store
from infra.pulsar.bookie import BookieNode
from infra.pulsar.broker import BrokerNode, Keeping
from infra.pulsar.cluster import Cluster, Copies, Jvm, MetadataServer, Rendered
from infra.pulsar.metadata_store import MetadataNode
from infra.pulsar.offload import Offload

JVM = Jvm(heap_mb=1_024, direct_mb=512)
CLUSTER = Cluster(
    name="sluice",
    metadata=tuple(MetadataServer(number=n, host=f"10.42.{n}.10") for n in (1, 2, 3)),
    zones={"eu-central-1a": "10.42.0.0/20", "eu-central-1b": "10.42.16.0/20"},
)


def values(rendered: Rendered, name: str) -> Mapping[str, str]:
    (text,) = (text for path, text in rendered.files.items() if path.endswith(name))
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def a_broker(offload: Offload | None = None) -> BrokerNode:
    keeping = Keeping(retention_minutes=1_440, backlog_bytes_max=10**9)
    return BrokerNode(cluster=CLUSTER, jvm=JVM, keeping=keeping, offload=offload)


def a_metadata_server(number: int) -> Rendered:
    return MetadataNode(
        cluster=CLUSTER,
        server=CLUSTER.metadata[number - 1],
        jvm=JVM,
        service_url="pulsar+ssl://brokers:6651",
        admin_url="https://brokers:8443",
    ).render()


def test_each_metadata_server_knows_all_and_its_own_number() -> None:
    for number in (1, 2, 3):
        rendered = a_metadata_server(number)
        assert rendered.files["/var/lib/pulsar/metadata/myid"] == f"{number}\n"
        found = values(rendered, "zookeeper.conf")
        assert {key: found[key] for key in found if key.startswith("server.")} == {
            f"server.{n}": f"10.42.{n}.10:2888:3888" for n in (1, 2, 3)
        }
        assert found["dataDir"] == "/var/lib/pulsar/metadata"
        assert found["forceSync"] == "yes"


def test_one_machine_writes_the_first_entries() -> None:
    with_setup = [n for n in (1, 2, 3) if metadata_store.SETUP in a_metadata_server(n).units]
    assert with_setup == [1]


def test_a_session_is_one_that_zookeeper_grants() -> None:
    tick_ms = int(values(a_metadata_server(1), "zookeeper.conf")["tickTime"])
    assert 2 * tick_ms <= CLUSTER.session_ms <= 20 * tick_ms


def test_a_bookie_keeps_its_name_and_syncs_what_it_acknowledges() -> None:
    rendered = BookieNode(cluster=CLUSTER, identity="bookie-a-1", jvm=JVM).render()
    found = values(rendered, "bookkeeper.conf")
    assert found["bookieId"] == "bookie-a-1"
    assert found["journalSyncData"] == found["journalWriteData"] == "true"
    # An address would stand in the volumes' cookie, and the next machine has another.
    assert "advertisedAddress" not in found
    assert bookie.SERVICE in rendered.units


def test_a_bookie_knows_every_metadata_server() -> None:
    found = values(BookieNode(cluster=CLUSTER, identity="b", jvm=JVM).render(), "bookkeeper.conf")
    hosts = "10.42.1.10:2181;10.42.2.10:2181;10.42.3.10:2181"
    assert found["metadataServiceUri"] == f"metadata-store:zk:{hosts}"
    assert not [name for name, value in found.items() if "," in value]


def test_a_broker_keeps_three_copies_and_acknowledges_by_two() -> None:
    found = values(a_broker().render(), "broker.conf")
    names = ("EnsembleSize", "WriteQuorum", "AckQuorum")
    assert [found[f"managedLedgerDefault{name}"] for name in names] == ["3", "3", "2"]


def test_brokers_and_those_who_make_lost_copies_anew_spread_them_over_the_zones() -> None:
    three = replace(CLUSTER, zones={**CLUSTER.zones, "eu-central-1c": "10.42.32.0/20"})
    broker_values = values(replace(a_broker(), cluster=three).render(), "broker.conf")
    assert broker_values["bookkeeperClientMinNumRacksPerWriteQuorum"] == "3"
    # A lost zone would otherwise stop every producer.
    assert broker_values["bookkeeperClientEnforceMinNumRacksPerWriteQuorum"] == "false"
    node = BookieNode(cluster=three, identity="b", jvm=JVM)
    bookie_values = values(node.render(), "bookkeeper.conf")
    assert bookie_values["minNumRacksPerWriteQuorum"] == "3"
    assert bookie_values["repairedPlacementPolicyNotAdheringBookieEnabled"] == "true"
    assert int(bookie_values["auditorPeriodicPlacementPolicyCheckInterval"]) > 0
    for found in (broker_values, bookie_values):
        assert found["networkTopologyScriptFileName"] == "/etc/pulsar/zone_of"
        assert found["reppDnsResolverClass"].endswith(".ScriptBasedMapping")


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        ([], []),
        (["10.42.0.7", "10.42.16.7"], ["/eu-central-1a", "/eu-central-1b"]),
        (["10.42.15.255", "10.42.32.7"], ["/eu-central-1a", "/default-rack"]),
    ],
)
def test_the_zone_of_an_address_is_told_by_its_network(
    addresses: list[str], told: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "zone_of"
    program.write_text(a_broker().render().files["/etc/pulsar/zone_of"])
    done = subprocess.run(
        [sys.executable, program, *addresses], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == told


def test_a_broker_knows_copies_and_holds_producers_rather_than_drop() -> None:
    found = values(a_broker().render(), "broker.conf")
    assert found["brokerDeduplicationEnabled"] == "true"
    assert found["backlogQuotaDefaultRetentionPolicy"] == "producer_request_hold"
    assert found["backlogQuotaDefaultLimitBytes"] == str(10**9)
    assert found["defaultRetentionTimeInMinutes"] == "1440"
    assert "AppendBrokerTimestampMetadataInterceptor" in found["brokerEntryMetadataInterceptors"]
    assert found["allowAutoTopicCreation"] == "false"


def test_a_broker_speaks_tls_alone_and_asks_for_a_token() -> None:
    found = values(a_broker().render(), "broker.conf")
    assert found["brokerServicePort"] == found["webServicePort"] == ""
    assert (found["brokerServicePortTls"], found["webServicePortTls"]) == ("6651", "8443")
    assert found["authenticationEnabled"] == found["authorizationEnabled"] == "true"
    assert found["tlsHostnameVerificationEnabled"] == "true"
    assert "tokenSecretKey" not in found


def test_no_secret_lies_where_a_disk_keeps_it() -> None:
    found = values(a_broker().render(), "broker.conf")
    paths = [value for key, value in found.items() if re.search("FilePath|PublicKey|CertsF", key)]
    assert paths
    assert all(path.removeprefix("file://").startswith("/run/pulsar/") for path in paths)


def test_offload_is_a_setting_and_names_no_key() -> None:
    without = values(a_broker().render(), "broker.conf")
    assert not any("ffload" in key for key in without)
    offload = Offload(bucket="lake", region="eu-central-1", threshold_bytes=10**10)
    found = values(a_broker(offload).render(), "broker.conf")
    assert found["managedLedgerOffloadDriver"] == "aws-s3"
    assert found["managedLedgerOffloadAutoTriggerSizeThresholdBytes"] == str(10**10)
    assert not any("secret" in key.lower() or "accesskey" in key.lower() for key in found)


@pytest.mark.parametrize(
    ("rendered", "service", "main", "configuration"),
    [
        (a_metadata_server(2), metadata_store.SERVICE, metadata_store.MAIN, "zookeeper.conf"),
        (
            BookieNode(cluster=CLUSTER, identity="b", jvm=JVM).render(),
            bookie.SERVICE,
            bookie.MAIN,
            "bookkeeper.conf",
        ),
        (a_broker().render(), broker.SERVICE, broker.MAIN, "broker.conf"),
    ],
    ids=["metadata", "bookie", "broker"],
)
def test_a_unit_starts_its_server_on_its_file_and_again_when_it_ends(
    rendered: Rendered, service: str, main: str, configuration: str
) -> None:
    unit = rendered.units[service]
    (start,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    words = start.split()
    assert words[0] == "/opt/java/bin/java"
    assert main in words
    assert words[-1].endswith(configuration)
    assert words[-1] in rendered.files
    assert {"-Xmx1024m", "-XX:MaxDirectMemorySize=512m"} <= set(words)
    assert "\nRestart=always\n" in unit
    assert "\nStartLimitIntervalSec=0\n" in unit
    assert "\nUser=pulsar\n" in unit


@pytest.mark.parametrize("copies", [(3, 3, 4), (2, 3, 2), (3, 2, 0)])
def test_copies_that_contradict_one_another_are_refused(copies: tuple[int, int, int]) -> None:
    ensemble, write, ack = copies
    with pytest.raises(ValueError, match="ack"):
        Copies(ensemble=ensemble, write=write, ack=ack)

"""What a watcher tells of a cluster while brokers and bookies are lost, and when they are back."""

import json
import urllib.request
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.pulsar.credentials import CERTIFICATE_DAYS_DEFAULT
from infra.pulsar.roles import ADMIN
from pipeline import metrics
from pipeline.environment import WatcherSettings
from pipeline.metrics import Metric
from pipeline.probe import Part, tried
from pipeline.sources.connections import PulsarConnection
from pipeline.watcher.settings import Watched
from pipeline.watcher.wiring import condition_of
from tests.integration.pulsar_cluster.machines import BOOKIES, NODES, LocalCluster, Server
from tests.integration.pulsar_cluster.test_cluster import TOPICS, apply
from tests.waiting import until

LOST = ("broker-1", "bookie-1a", "bookie-1b", "bookie-2b")
"""What is killed: of the bookies' copies the two that are left can make no more. The metadata store
stays whole: `test_cluster.py` kills a machine with all that runs on it."""
ASKED = 3
"""The machine whose broker and bookie are asked: what stands for a load balancer."""
DELAY = "api/v1/autorecovery/lost_bookie_recovery_delay"

soon = partial(until, seconds_max=240)


@pytest.fixture(scope="module")
def parts(cluster: LocalCluster) -> dict[str, Part]:
    """A watcher's look at the cluster by TLS and a token, every partition of the topic in use."""
    apply(cluster, TOPICS)
    with closing(cluster.client("producer")) as client:
        for partition in range(TOPICS.partitions):
            with closing(
                client.create_producer(f"{TOPICS.name}-partition-{partition}")
            ) as producer:
                producer.send(b"x" * 1_000)
    (bookie,) = BOOKIES[ASKED]
    connection = PulsarConnection(
        service_url=cluster.service_url,
        topic=TOPICS.name,
        ca_file=cluster.ca_file,
        token_file=token_file(cluster, ADMIN),
    )
    watched = Watched(
        brokers=len(NODES),
        bookies=sum(map(len, BOOKIES.values())),
        backlog_bytes_max=TOPICS.backlog_bytes_max,
        admin_url=f"https://127.0.0.1:{cluster.admin_ports[ASKED - 1]}",
        bookie_url=cluster.bookie_urls[bookie],
    )
    settings = WatcherSettings(
        connection=connection, ledger_table="none", lake_bucket="none", watched=watched
    )
    return condition_of(connection, settings)


def token_file(cluster: LocalCluster, role: str) -> Path:
    return cluster.ca_file.with_name(f"{role}.token")


def figure(part: Part, metric: Metric) -> Any:
    return tried(part).values.get(metric)


def lose_at_once(cluster: LocalCluster) -> None:
    """Have a lost bookie's ledgers noted after a second, not after a machine's time to return."""
    (bookie,) = BOOKIES[ASKED]
    body = json.dumps({"delay_seconds": 1}).encode()
    request = urllib.request.Request(f"{cluster.bookie_urls[bookie]}/{DELAY}", body, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def lost(cluster: LocalCluster) -> list[Server]:
    servers = [each for machine in cluster.machines.values() for each in machine.servers]
    return [server for server in servers if server.name in LOST]


def test_a_whole_cluster_lacks_nothing(parts: dict[str, Part]) -> None:
    soon(lambda: figure(parts["brokers"], metrics.BROKERS_MISSING) == 0)
    soon(lambda: figure(parts["copies"], metrics.UNDER_REPLICATED) == 0)
    used = soon(
        lambda: figure(parts["disks"], metrics.DISK_PERCENT), what=lambda: tried(parts["disks"])
    )
    assert 0 < used < 100
    soon(lambda: figure(parts["backlog"], metrics.BACKLOG_PERCENT) == 0)
    days = figure(parts["certificate"], metrics.CERTIFICATE_DAYS)
    assert CERTIFICATE_DAYS_DEFAULT - 1 < days <= CERTIFICATE_DAYS_DEFAULT


def test_what_is_lost_is_told_as_missing_and_so_are_its_copies_until_it_is_back(
    cluster: LocalCluster, parts: dict[str, Part]
) -> None:
    lose_at_once(cluster)
    for server in lost(cluster):
        server.kill()
    soon(lambda: figure(parts["brokers"], metrics.BROKERS_MISSING) == len(LOST))
    soon(lambda: figure(parts["copies"], metrics.UNDER_REPLICATED))
    for server in lost(cluster):
        server.start()
    soon(lambda: figure(parts["brokers"], metrics.BROKERS_MISSING) == 0)
    soon(lambda: figure(parts["copies"], metrics.UNDER_REPLICATED) == 0)

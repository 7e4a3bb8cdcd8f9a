"""The machines of a Pulsar cluster as their user data: what each kind is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.pulsar import broker
from infra.pulsar.bookie import BookieNode
from infra.pulsar.broker import BrokerNode, Keeping
from infra.pulsar.cluster import Cluster, Jvm, MetadataServer
from infra.pulsar.figures import of_bookies, of_brokers
from infra.pulsar.layout import DEFAULT_LAYOUT
from infra.pulsar.metadata_store import MetadataNode
from infra.pulsar.offload import Offload
from infra.pulsar.programs import DISTRIBUTION, JAVA, OFFLOADERS, TOPICS_KEY, Program
from infra.pulsar.roles import ADMIN, BROKER
from infra.pulsar.user_data import user_data
from infra.settings_pulsar import MEMORY_MB

HEAP_SHARE: Final = 4
DIRECT_SHARE: Final = 2.75
"""Of a machine's memory a quarter is heap, a good third buffers outside it; the rest is the page
cache, by which fresh messages are read."""
JOURNAL_DEVICE: Final = "/dev/sdf"
LEDGERS_DEVICE: Final = "/dev/sdg"
METADATA_DEVICE: Final = "/dev/sdf"
BROKER_FILES: Final = {
    broker.CA: "ca",
    broker.CERTIFICATE: "certificate",
    broker.KEY: "key",
    broker.TOKEN_KEY: "token_public_base64",
    f"{ADMIN}.token": ADMIN,
    f"{BROKER}.token": BROKER,
}
"""Which member of the brokers' secret becomes which file."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a cluster once its addresses are: what every machine is told."""

    name: str
    region: str
    bucket: str
    metadata_hosts: Sequence[str]
    zones: Mapping[str, str]
    """The network of each zone, by its name."""

    @property
    def cluster(self) -> Cluster:
        """The cluster as its configuration has it."""
        return Cluster(
            name=self.name,
            metadata=tuple(
                MetadataServer(number=number, host=host)
                for number, host in enumerate(self.metadata_hosts, start=1)
            ),
            zones=self.zones,
        )

    def machine(self, *programs: Program, **rest: Any) -> dict[str, Any]:
        """Return what `infra/pulsar/node/machine.py` reads."""
        return {
            "region": self.region,
            "artifacts": [each.wanted(self.bucket) for each in (DISTRIBUTION, JAVA, *programs)],
            "secrets": [],
            "volumes": [],
            **rest,
        }


def jvm_of(machine: str) -> Jvm:
    """Return the memory of the one server that a machine runs."""
    memory = MEMORY_MB[machine]
    return Jvm(heap_mb=memory // HEAP_SHARE, direct_mb=int(memory / DIRECT_SHARE))


def metadata_data(
    known: Known, *, number: int, machine: str, interface: str, volume: str, host: str
) -> str:
    """Return user data of a metadata server; `host` is where clients will find the brokers."""
    cluster = known.cluster
    node = MetadataNode(
        cluster=cluster,
        server=cluster.metadata[number - 1],
        jvm=jvm_of(machine),
        service_url=f"pulsar+ssl://{host}:6651",
        admin_url=f"https://{host}:8443",
    )
    mount = f"{DEFAULT_LAYOUT.data}/metadata"
    volumes = [_volume(volume, METADATA_DEVICE, mount)]
    return user_data(node.render(), known.machine(interface=interface, volumes=volumes))


def bookie_data(known: Known, *, identity: str, machine: str, journal: str, ledgers: str) -> str:
    """Return user data of a bookie."""
    node = BookieNode(cluster=known.cluster, identity=identity, jvm=jvm_of(machine))
    volumes = [
        _volume(journal, JOURNAL_DEVICE, f"{DEFAULT_LAYOUT.data}/journal"),
        _volume(ledgers, LEDGERS_DEVICE, f"{DEFAULT_LAYOUT.data}/ledgers"),
    ]
    told = known.machine(volumes=volumes, figures=of_bookies(server=node.http_url))
    return user_data(node.render(), told)


def broker_data(
    known: Known,
    *,
    machine: str,
    secret: str,
    topic: str,
    keeping: Keeping,
    offload_bytes: int | None,
) -> str:
    """Return user data of a broker: the same for all."""
    offload = (
        Offload(bucket=known.bucket, region=known.region, threshold_bytes=offload_bytes)
        if offload_bytes is not None
        else None
    )
    node = BrokerNode(cluster=known.cluster, jvm=jvm_of(machine), keeping=keeping, offload=offload)
    told = known.machine(
        *((OFFLOADERS,) if offload else ()),
        secrets=[{"arn": secret, "files": BROKER_FILES}],
        topics={"bucket": known.bucket, "key": TOPICS_KEY, "port": node.admin_port},
        figures=of_brokers(topic, admin_port=node.admin_port),
    )
    return user_data(node.render(), told, keeps_topics=True)


def _volume(identifier: str, device: str, mount: str) -> Mapping[str, str]:
    return {"id": identifier, "device": device, "mount": mount}

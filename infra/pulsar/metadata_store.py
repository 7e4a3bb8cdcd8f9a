"""The metadata store: a ZooKeeper server on each of three machines."""

from dataclasses import dataclass
from typing import Final

from infra.pulsar.cluster import Cluster, Jvm, MetadataServer, Rendered
from infra.pulsar.layout import DEFAULT_LAYOUT, EVERYWHERE, Layout
from infra.pulsar.properties import properties
from infra.pulsar.systemd import Unit

TICK_MS: Final = 2_000
INIT_TICKS: Final = 10
SYNC_TICKS: Final = 5
"""How long a follower may take to connect, and to be behind (ZooKeeper's own sample)."""
MAIN: Final = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
SETUP_MAIN: Final = "org.apache.pulsar.PulsarClusterMetadataSetup"
SERVICE: Final = "pulsar-metadata.service"
SETUP: Final = "pulsar-cluster.service"


@dataclass(frozen=True, kw_only=True)
class MetadataNode:
    """One server on its machine."""

    cluster: Cluster
    server: MetadataServer
    jvm: Jvm
    layout: Layout = DEFAULT_LAYOUT
    bind: str = EVERYWHERE
    metrics_port: int = 8000
    service_url: str = ""
    """Where clients find the cluster: the first server's machine writes it into the metadata."""
    admin_url: str = ""

    def render(self) -> Rendered:
        """Return the server's files and units."""
        configuration = f"{self.layout.configuration}/zookeeper.conf"
        data = f"{self.layout.data}/metadata"
        units = {
            SERVICE: self.layout.service(
                MAIN,
                configuration,
                description="Metadata store of the Pulsar cluster",
                jvm=self.jvm,
            )
        }
        if self.server.number == 1:
            units[SETUP] = self._setup()
        return Rendered(
            files={
                **self.layout.logging,
                configuration: self._configuration(data),
                f"{data}/myid": f"{self.server.number}\n",
            },
            units={name: unit.render() for name, unit in units.items()},
        )

    def _configuration(self, data: str) -> str:
        servers = {
            f"server.{each.number}": f"{each.host}:{each.follower_port}:{each.election_port}"
            for each in self.cluster.metadata
        }
        return properties(
            f"Metadata store {self.server.number} of {self.cluster.name}",
            {
                "tickTime": TICK_MS,
                "initLimit": INIT_TICKS,
                "syncLimit": SYNC_TICKS,
                "dataDir": data,
                "clientPort": self.server.client_port,
                "clientPortAddress": self.bind,
                "quorumListenOnAllIPs": self.bind == EVERYWHERE,
                # An answer means that a majority has it on disk.
                "forceSync": "yes",
                "autopurge.snapRetainCount": 3,
                "autopurge.purgeInterval": 1,
                "admin.enableServer": False,
                "metricsProvider.className": (
                    "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
                ),
                "metricsProvider.httpHost": self.bind,
                "metricsProvider.httpPort": self.metrics_port,
                **servers,
            },
        )

    def _setup(self) -> Unit:
        """Return what writes the cluster's own entry: once, and again without any effect.

        Pulsar documentation, "Deploy a multi-cluster": "Initialize cluster metadata".
        """
        url = self.cluster.metadata_url
        return Unit(
            description="First entries of the Pulsar cluster",
            start=self.layout.command(
                SETUP_MAIN,
                *("--cluster", self.cluster.name),
                *("--metadata-store", url, "--configuration-metadata-store", url),
                # The command wants this one whatever the cluster listens to.
                *("--web-service-url", self.admin_url),
                *("--web-service-url-tls", self.admin_url),
                *("--broker-service-url-tls", self.service_url),
                jvm=self.jvm,
            ),
            after=(SERVICE,),
            needs=self.layout.ready,
        )

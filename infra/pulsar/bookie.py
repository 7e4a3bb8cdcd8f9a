"""A bookie: what keeps the messages, on volumes that outlive its machine."""

from dataclasses import dataclass
from typing import Final

from infra.pulsar.cluster import Cluster, Jvm, Rendered
from infra.pulsar.layout import DEFAULT_LAYOUT, Layout
from infra.pulsar.properties import Value, properties
from infra.pulsar.zones import RESOLVER, script

MAIN: Final = "org.apache.bookkeeper.server.Main"
LOOPBACK: Final = "127.0.0.1"
SERVICE: Final = "pulsar-bookie.service"
MESSAGE_BYTES_MAX: Final = 5 * 1024 * 1024
FRAME_BYTES_MAX: Final = MESSAGE_BYTES_MAX + 10 * 1024
"""Pulsar's largest message and what its protocol adds (broker.conf, "maxMessageSize")."""
LOST_SECONDS: Final = 600
"""How long a lost bookie's copies wait for it: its group starts another machine on the same
volumes within minutes, and copying everything meanwhile would be load for nothing."""
SPREAD_CHECK_SECONDS: Final = 3_600
"""How often closed ledgers are looked at that were written while a zone was away: copies of an
entry that share a zone are moved apart, or noted as missing until that can be."""
DISK_FULL_SHARE: Final = 0.95
DISK_WARN_SHARE: Final = 0.90
"""A bookie refuses to write above the first (bookkeeper.conf, "diskUsageThreshold")."""


@dataclass(frozen=True, kw_only=True)
class BookieNode:
    """One bookie on its machine."""

    cluster: Cluster
    identity: str
    """The bookie's name for ever: it stands on its volumes, whatever the machine's address."""
    jvm: Jvm
    layout: Layout = DEFAULT_LAYOUT
    port: int = 3181
    metrics_port: int = 8000
    address: str = ""
    """Where brokers find it; "": the machine's own."""
    interface: str = ""
    """The one network interface on which it listens; "": all, its HTTP API on none."""

    @property
    def http_url(self) -> str:
        """Its HTTP API, as its own machine asks it: whoever reaches that may delete ledgers."""
        return f"http://{self.address or LOOPBACK}:{self.metrics_port}"

    def render(self) -> Rendered:
        """Return the bookie's files and units."""
        configuration = f"{self.layout.configuration}/bookkeeper.conf"
        unit = self.layout.service(
            MAIN,
            *("--conf", configuration),
            description=f"Bookie {self.identity} of the Pulsar cluster",
            jvm=self.jvm,
        )
        return Rendered(
            files={
                **self.layout.logging,
                self.layout.zone_of: script(self.cluster.zones),
                configuration: properties(
                    f"Bookie {self.identity} of {self.cluster.name}", self._values()
                ),
            },
            units={SERVICE: unit.render()},
        )

    def _values(self) -> dict[str, Value]:
        bound: dict[str, Value] = {}
        if self.address:
            bound = {
                "advertisedAddress": self.address,
                "allowLoopback": True,
                "listeningInterface": self.interface,
            }
        return {
            "bookiePort": self.port,
            "bookieId": self.identity,
            **bound,
            # BookKeeper reads a value up to its first comma: it would know one server alone.
            "metadataServiceUri": f"metadata-store:{self.cluster.metadata_url.replace(',', ';')}",
            "zkTimeout": self.cluster.session_ms,
            "journalDirectories": f"{self.layout.data}/journal",
            "ledgerDirectories": f"{self.layout.data}/ledgers",
            "ledgerStorageClass": "org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage",
            # An entry is acknowledged when it is on the disk, not when it is on its way.
            "journalSyncData": True,
            "journalWriteData": True,
            "nettyMaxFrameSizeBytes": FRAME_BYTES_MAX,
            "diskUsageThreshold": DISK_FULL_SHARE,
            "diskUsageWarnThreshold": DISK_WARN_SHARE,
            "autoRecoveryDaemonEnabled": True,
            "lostBookieRecoveryDelay": LOST_SECONDS,
            "reppDnsResolverClass": RESOLVER,
            "networkTopologyScriptFileName": self.layout.zone_of,
            "minNumRacksPerWriteQuorum": self.cluster.zones_an_entry,
            "auditorPeriodicPlacementPolicyCheckInterval": SPREAD_CHECK_SECONDS,
            "repairedPlacementPolicyNotAdheringBookieEnabled": True,
            "useV2WireProtocol": True,
            "statsProviderClass": (
                "org.apache.bookkeeper.stats.prometheus.PrometheusMetricsProvider"
            ),
            "prometheusStatsHttpPort": self.metrics_port,
            "httpServerEnabled": True,
            "httpServerHost": self.address or LOOPBACK,
            "httpServerPort": self.metrics_port,
            "httpServerClass": "org.apache.bookkeeper.http.vertx.VertxHttpServer",
        }

"""A broker: stateless, behind the load balancer, with TLS and tokens alone."""

from dataclasses import dataclass, replace
from typing import Final

from infra.pulsar.bookie import MESSAGE_BYTES_MAX
from infra.pulsar.cluster import Cluster, Jvm, Rendered
from infra.pulsar.layout import DEFAULT_LAYOUT, EVERYWHERE, Layout
from infra.pulsar.offload import Offload
from infra.pulsar.properties import Value, properties
from infra.pulsar.roles import ADMIN, BROKER
from infra.pulsar.zones import RESOLVER, script

MAIN: Final = "org.apache.pulsar.PulsarBrokerStarter"
SERVICE: Final = "pulsar-broker.service"
CA: Final = "ca.pem"
CERTIFICATE: Final = "server.pem"
KEY: Final = "server.key"
TOKEN_KEY: Final = "token-public.der"
"""The files under `Layout.secrets`; a role's token lies in `<role>.token`."""
TIMESTAMPS: Final = "org.apache.pulsar.common.intercept.AppendBrokerTimestampMetadataInterceptor"
NAMES_MAX: Final = 10_000
"""Producers that deduplication knows at once (broker.conf)."""
DEDUPLICATION_MINUTES: Final = 24 * 60
"""How long a silent producer's last number is known: a retry of an hour ago is still a copy."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What the brokers keep where a namespace says nothing else."""

    retention_minutes: int
    retention_mb: int = -1
    """-1: as much as comes in that time."""
    backlog_bytes_max: int = -1
    """Unread bytes of a topic above which its producers are held; -1: no limit."""


@dataclass(frozen=True, kw_only=True)
class BrokerNode:
    """One broker on its machine."""

    cluster: Cluster
    jvm: Jvm
    keeping: Keeping
    offload: Offload | None = None
    layout: Layout = DEFAULT_LAYOUT
    port: int = 6651
    admin_port: int = 8443
    bind: str = EVERYWHERE
    address: str = ""
    """What clients are told after a look-up; "": the machine's own name."""

    def render(self) -> Rendered:
        """Return the broker's files and units."""
        configuration = f"{self.layout.configuration}/broker.conf"
        unit = self.layout.service(
            MAIN,
            *("--broker-conf", configuration),
            description="Broker of the Pulsar cluster",
            jvm=replace(self.jvm, told=self.offload.options) if self.offload else self.jvm,
        )
        values = {**self._values(), **self._security()}
        return Rendered(
            files={
                **self.layout.logging,
                self.layout.zone_of: script(self.cluster.zones),
                configuration: properties(f"Broker of {self.cluster.name}", values),
            },
            units={SERVICE: unit.render()},
        )

    def _values(self) -> dict[str, Value]:
        copies = self.cluster.copies
        keeping = self.keeping
        values: dict[str, Value] = {
            "clusterName": self.cluster.name,
            "metadataStoreUrl": self.cluster.metadata_url,
            "configurationMetadataStoreUrl": self.cluster.metadata_url,
            "metadataStoreSessionTimeoutMillis": self.cluster.session_ms,
            "bindAddress": self.bind,
            "maxMessageSize": MESSAGE_BYTES_MAX,
            "managedLedgerDefaultEnsembleSize": copies.ensemble,
            "managedLedgerDefaultWriteQuorum": copies.write,
            "managedLedgerDefaultAckQuorum": copies.ack,
            "reppDnsResolverClass": RESOLVER,
            "networkTopologyScriptFileName": self.layout.zone_of,
            # Not enforced: a zone that is lost stops no producer.
            "bookkeeperClientMinNumRacksPerWriteQuorum": self.cluster.zones_an_entry,
            "bookkeeperClientEnforceMinNumRacksPerWriteQuorum": False,
            # While enough copies are acknowledged a lost bookie is not replaced in the middle.
            "bookkeeper_delayEnsembleChange": True,
            "brokerDeduplicationEnabled": True,
            "brokerDeduplicationMaxNumberOfProducers": NAMES_MAX,
            "brokerDeduplicationProducerInactivityTimeoutMinutes": DEDUPLICATION_MINUTES,
            "brokerEntryMetadataInterceptors": TIMESTAMPS,
            "exposingBrokerEntryMetadataToClientEnabled": True,
            "defaultRetentionTimeInMinutes": keeping.retention_minutes,
            "defaultRetentionSizeInMB": keeping.retention_mb,
            "backlogQuotaDefaultRetentionPolicy": "producer_request_hold",
            "backlogQuotaDefaultLimitBytes": keeping.backlog_bytes_max,
            # Topics are made by the stack, with their partitions: a misspelt one is refused.
            "allowAutoTopicCreation": False,
            # A topic without readers keeps what its retention says.
            "brokerDeleteInactiveTopicsEnabled": False,
            "systemTopicEnabled": True,
            "topicLevelPoliciesEnabled": True,
        }
        if self.address:
            values["advertisedAddress"] = self.address
        if self.offload is not None:
            values |= self.offload.values(self.layout)
        return values

    def _security(self) -> dict[str, Value]:
        """Return the listeners, all by TLS, and who may come (Pulsar documentation, "Security")."""
        secrets = self.layout.secrets
        return {
            # No listener without TLS.
            "brokerServicePort": "",
            "webServicePort": "",
            "brokerServicePortTls": self.port,
            "webServicePortTls": self.admin_port,
            "tlsCertificateFilePath": f"{secrets}/{CERTIFICATE}",
            "tlsKeyFilePath": f"{secrets}/{KEY}",
            "tlsTrustCertsFilePath": f"{secrets}/{CA}",
            "tlsProtocols": "TLSv1.3,TLSv1.2",
            "authenticationEnabled": True,
            "authenticationProviders": (
                "org.apache.pulsar.broker.authentication.AuthenticationProviderToken"
            ),
            # Brokers check signatures and cannot make any.
            "tokenPublicKey": f"file://{secrets}/{TOKEN_KEY}",
            "authorizationEnabled": True,
            "superUserRoles": f"{ADMIN},{BROKER}",
            "brokerClientTlsEnabled": True,
            "brokerClientTrustCertsFilePath": f"{secrets}/{CA}",
            "tlsHostnameVerificationEnabled": True,
            "brokerClientAuthenticationPlugin": (
                "org.apache.pulsar.client.impl.auth.AuthenticationToken"
            ),
            "brokerClientAuthenticationParameters": f"file://{secrets}/{BROKER}.token",
        }

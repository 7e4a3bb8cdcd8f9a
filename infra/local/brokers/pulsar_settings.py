"""How the local Pulsar is set up: the JVM's options, and the broker's and the bookie's settings.

Names are those of Pulsar's `standalone.conf`, which broker and bookie read together.
"""

import socket
from pathlib import Path
from typing import Final

from infra.local.brokers.tls import Certificate
from infra.local.ports import HOST

ADMIN: Final = "admin"
"""The role that may do everything, where tokens are asked for."""
OPTIONS: Final = (
    *("-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=384m", "-XX:+UseG1GC"),
    f"-Dlog4j.configurationFile={Path(__file__).with_name('log4j2.properties')}",
    "-Djava.net.preferIPv4Stack=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    # What Netty and BookKeeper reach into (Pulsar's own start script opens the same).
    *("--add-opens", "java.base/java.io=ALL-UNNAMED"),
    *("--add-opens", "java.base/java.nio=ALL-UNNAMED"),
    *("--add-opens", "java.base/java.util.zip=ALL-UNNAMED"),
    *("--add-opens", "java.base/jdk.internal.misc=ALL-UNNAMED"),
    *("--add-opens", "java.base/jdk.internal.platform=ALL-UNNAMED"),
    *("--add-opens", "java.management/sun.management=ALL-UNNAMED"),
    *("--add-opens", "jdk.management/com.sun.management.internal=ALL-UNNAMED"),
)
INTERCEPTORS: Final = "org.apache.pulsar.common.intercept"
STANDALONE: Final = {
    "clusterName": "standalone",
    "bindAddress": HOST,
    "advertisedAddress": HOST,
    "brokerDeduplicationEnabled": True,
    # What retention has ended is gone within a second or two, as here with Kafka: not within the
    # two minutes in which deduplication, too, holds on to what it has not yet taken down.
    "retentionCheckIntervalInSeconds": 1,
    "brokerDeduplicationSnapshotFrequencyInSeconds": 1,
    "brokerDeduplicationSnapshotIntervalSeconds": 1,
    "brokerEntryMetadataInterceptors": f"{INTERCEPTORS}.AppendBrokerTimestampMetadataInterceptor",
    "backlogQuotaDefaultRetentionPolicy": "producer_request_hold",
    "backlogQuotaCheckIntervalInSeconds": 5,
    "allowAutoTopicCreation": False,
    "brokerDeleteInactiveTopicsEnabled": False,
    "brokerShutdownTimeoutMs": 5_000,
    "numHttpServerThreads": 8,
    # One bookie and one broker: no copies, nothing to balance.
    "managedLedgerDefaultEnsembleSize": 1,
    "managedLedgerDefaultWriteQuorum": 1,
    "managedLedgerDefaultAckQuorum": 1,
    "loadManagerClassName": "org.apache.pulsar.broker.loadbalance.NoopLoadManager",
    "loadBalancerEnabled": False,
    "transactionCoordinatorEnabled": False,
    # The bookie. Its writes are in the system's hands at once: a kill loses nothing, a power cut
    # might, and this is no production machine.
    "ledgerStorageClass": "org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage",
    "journalSyncData": False,
    "journalMaxGroupWaitMSec": 1,
    # Room for a message of the largest size (maxMessageSize, 5 MiB) with what the broker adds.
    "nettyMaxFrameSizeBytes": 5 * 1024 * 1024 + 10 * 1024,
    "allowLoopback": True,
    "allowEphemeralPorts": True,  # else the port that is asked for is not taken
    "diskUsageThreshold": "0.99",
    "diskUsageWarnThreshold": "0.99",
    "bookkeeperExplicitLacIntervalInMills": 0,
}


def loopback() -> str:
    """Return the name of the interface that a bookie is to listen on: it asks for no address."""
    return next(name for _, name in socket.if_nameindex() if name in ("lo", "lo0"))


def with_tls(certificate: Certificate, port: int) -> dict[str, object]:
    """Return the settings of a listener with TLS."""
    return {
        "brokerServicePortTls": port,
        "tlsEnabledWithKeyStore": True,
        "tlsKeyStoreType": "PKCS12",
        "tlsKeyStore": str(certificate.keystore),
        "tlsKeyStorePassword": certificate.password,
    }


def with_tokens(secret_file: Path, own_token: str) -> dict[str, object]:
    """Return the settings of a broker that asks for tokens, and shows itself one of its own."""
    return {
        "authenticationEnabled": True,
        "authorizationEnabled": True,
        "authenticationProviders": (
            "org.apache.pulsar.broker.authentication.AuthenticationProviderToken"
        ),
        # Whether a token is still good is looked at each second, so that one expires under way.
        "authenticationRefreshCheckSeconds": 1,
        "superUserRoles": ADMIN,
        "tokenSecretKey": f"file://{secret_file}",
        "brokerClientAuthenticationPlugin": (
            "org.apache.pulsar.client.impl.auth.AuthenticationToken"
        ),
        "brokerClientAuthenticationParameters": f"token:{own_token}",
    }

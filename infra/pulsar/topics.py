"""Tenant, namespace, rights and topics of a stack, as the file that its brokers bring about."""

import json
from dataclasses import dataclass
from typing import Final

from infra.pulsar.roles import PRODUCER, WATCHER, WORKER

TENANT: Final = "sluice"
NAMESPACE: Final = "events"
BUNDLES: Final = 16
"""Parts of a namespace, each served by one broker: several a broker, so that load can move."""


@dataclass(frozen=True, kw_only=True)
class Topics:
    """The topic of events and the policies of its namespace."""

    cluster: str
    topic: str
    partitions: int
    retention_minutes: int
    subscription: str = "sluice"
    retention_mb: int = -1
    backlog_bytes_max: int = -1
    offload_bytes: int = -1
    """From how many bytes of a topic on its closed ledgers go to S3; -1: never."""

    @property
    def name(self) -> str:
        """The topic's whole name, as clients give it."""
        return f"persistent://{TENANT}/{NAMESPACE}/{self.topic}"

    def render(self) -> str:
        """Return the file that `infra/pulsar/node/apply_topics.py` reads."""
        wanted = {
            "cluster": self.cluster,
            "tenant": TENANT,
            "namespaces": [
                {
                    "name": NAMESPACE,
                    "bundles": BUNDLES,
                    "retention_minutes": self.retention_minutes,
                    "retention_mb": self.retention_mb,
                    "backlog_bytes_max": self.backlog_bytes_max,
                    "offload_bytes": self.offload_bytes,
                    "rights": {
                        PRODUCER: ["produce"],
                        WORKER: ["consume"],
                        WATCHER: ["consume", "produce"],
                    },
                }
            ],
            "topics": [
                {
                    "namespace": NAMESPACE,
                    "name": self.topic,
                    "partitions": self.partitions,
                    "subscriptions": [self.subscription],
                }
            ],
        }
        return json.dumps(wanted, indent=1, sort_keys=True) + "\n"

"""Offload: closed ledgers go to S3 and leave the bookies' disks."""

from dataclasses import dataclass
from typing import Final

from infra.pulsar.layout import Layout
from infra.pulsar.properties import Value

DELETE_AFTER_MS: Final = 4 * 3_600_000
"""How long a bookie keeps what is in S3 as well: late readers of the last hours read fast."""

FIRST_REGION: Final = "us-standard"
"""What the offloader's library calls us-east-1 (jclouds, AWSS3ProviderMetadata)."""


@dataclass(frozen=True, kw_only=True)
class Offload:
    """Where offloaded ledgers go, and from how many bytes of a topic on."""

    bucket: str
    region: str
    threshold_bytes: int
    endpoint: str = ""
    """S3's address; "": AWS's own."""

    @property
    def options(self) -> tuple[str, ...]:
        """The JVM's, by which the offloader finds S3.

        Where a bucket lies it asks at S3's address of us-east-1, whatever its properties say (seen
        by running it); a private network's way to S3 ends at its own region's (VPC user guide,
        "Gateway endpoints for Amazon S3"). Its library takes addresses from system properties.
        """
        address = self.endpoint or f"https://s3.{self.region}.amazonaws.com"
        regions = (FIRST_REGION, self.region)
        return tuple(f"-Djclouds.region.{region}.endpoint={address}" for region in regions)

    def values(self, layout: Layout) -> dict[str, Value]:
        """Return the broker's properties (Pulsar documentation, "Use AWS S3 offloader").

        No key is among them: the machine's own role may write there.
        """
        values: dict[str, Value] = {
            "offloadersDirectory": layout.offloaders,
            "managedLedgerOffloadDriver": "aws-s3",
            "s3ManagedLedgerOffloadBucket": self.bucket,
            "s3ManagedLedgerOffloadRegion": self.region,
            "managedLedgerOffloadAutoTriggerSizeThresholdBytes": self.threshold_bytes,
            "managedLedgerOffloadDeletionLagMs": DELETE_AFTER_MS,
        }
        if self.endpoint:
            values["s3ManagedLedgerOffloadServiceEndpoint"] = self.endpoint
        return values

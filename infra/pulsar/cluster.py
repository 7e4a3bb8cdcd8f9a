"""What all machines of one cluster agree on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SESSION_MS_DEFAULT: Final = 12_000
"""How long a machine may be silent before its topics move; ZooKeeper takes 2 to 20 ticks of 2 s
(ZooKeeper administrator's guide, "minSessionTimeout"), and no pause of the collector is near it."""


@dataclass(frozen=True, kw_only=True)
class MetadataServer:
    """One ZooKeeper server of the metadata store, at an address that outlives its machine."""

    number: int
    """From 1; the server's own name in the quorum (`myid`)."""
    host: str
    client_port: int = 2181
    follower_port: int = 2888
    election_port: int = 3888


@dataclass(frozen=True, kw_only=True)
class Copies:
    """How many bookies an entry goes to, and how many must have synced it to be acknowledged.

    With two of three, each in another zone, an acknowledged entry outlives the loss of any machine
    and of any zone, and a slow bookie holds nobody up. A topic that moves to another broker opens a
    new ledger on `write` bookies: with no more than three there, it waits until a lost one is back.
    """

    ensemble: int = 3
    write: int = 3
    ack: int = 2

    def __post_init__(self) -> None:
        """Refuse what BookKeeper refuses (its documentation, "The BookKeeper protocol")."""
        if not 1 <= self.ack <= self.write <= self.ensemble:
            raise ValueError(
                f"copies: wanted is ack {self.ack} <= write {self.write} <= ensemble "
                f"{self.ensemble}"
            )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster's name, its metadata store, its zones, and how many copies it keeps."""

    name: str
    metadata: tuple[MetadataServer, ...]
    zones: Mapping[str, str]
    """The network of each zone, in CIDR notation, by the zone's name."""
    copies: Copies = Copies()
    session_ms: int = SESSION_MS_DEFAULT

    @property
    def metadata_url(self) -> str:
        """The metadata store as Pulsar names it."""
        return "zk:" + ",".join(f"{each.host}:{each.client_port}" for each in self.metadata)

    @property
    def zones_an_entry(self) -> int:
        """In how many zones the copies of an entry lie while all are there."""
        return min(self.copies.write, len(self.zones))


@dataclass(frozen=True, kw_only=True)
class Jvm:
    """The memory of one process, its collector, and what it is told besides."""

    heap_mb: int
    direct_mb: int
    collector: tuple[str, ...] = (
        "-XX:+UseZGC",
        "-XX:+ZGenerational",
        "-XX:+PerfDisableSharedMem",
        # A server that has no memory left is one that has to be started again.
        "-XX:+ExitOnOutOfMemoryError",
    )
    told: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """The JVM's own options."""
        heap, direct = f"{self.heap_mb}m", f"{self.direct_mb}m"
        memory = (f"-Xms{heap}", f"-Xmx{heap}", f"-XX:MaxDirectMemorySize={direct}")
        return (*memory, *self.collector, *self.told)


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What a machine gets: files by absolute path, units by name, each as its whole text.

    A text that begins with `#!` is a program.
    """

    files: Mapping[str, str]
    units: Mapping[str, str]

"""A real Pulsar on this machine: broker, bookie and metadata in one process, without bash.

    start(folder) -> LocalPulsar    running(folder) -> LocalPulsar | None

What it keeps lies in the folder: started there again, on the same ports, it has all of it. The
broker deduplicates by producer name and sequence id, notes its own time with each entry, holds
producers back when a backlog is full, and makes topics by asking only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from infra.local.brokers import pulsar_settings, tls, tokens
from infra.local.brokers.broker_process import words
from infra.local.brokers.local_broker import LocalBroker
from infra.local.brokers.pulsar_admin import NAMESPACE, PulsarAdmin, full_name, path_of
from infra.local.brokers.pulsar_settings import ADMIN, OPTIONS, STANDALONE
from infra.local.ports import HOST, lasting_ports

SETTINGS: Final = "standalone.conf"
STARTER: Final = "org.apache.pulsar.PulsarStandaloneStarter"
MINUTES_PER_HOUR: Final = 60
SECRET: Final = "secret.key"


@dataclass(frozen=True, kw_only=True)
class LocalPulsar(LocalBroker):
    """A Pulsar on this machine; `secret_file` is there when tokens were asked for."""

    kind = "pulsar"
    options = OPTIONS

    web_port: int
    bookie_port: int
    secret_file: Path | None = None

    @property
    def service_url(self) -> str:
        """Return where clients connect without TLS."""
        return f"pulsar://{HOST}:{self.port}"

    @property
    def tls_url(self) -> str:
        """Return where clients connect with TLS."""
        assert self.tls_port is not None, "started without TLS"
        return f"pulsar+ssl://{HOST}:{self.tls_port}"

    @property
    def admin_url(self) -> str:
        """Return the address of the admin REST API."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def admin(self) -> PulsarAdmin:
        """Return the admin API, asked as the role that may do everything."""
        token = None if self.secret_file is None else self.token()
        return PulsarAdmin(url=self.admin_url, token=token)

    def token(self, subject: str = ADMIN, *, expires_seconds: float | None = None) -> str:
        """Return a token for a role, where tokens are asked for."""
        assert self.secret_file is not None, "started without tokens"
        return tokens.token(self.secret_file, subject, expires_seconds=expires_seconds)

    def grant(self, role: str, actions: Sequence[str] = ("produce", "consume")) -> None:
        """Allow a role to do this with every topic of the namespace."""
        self.admin.ask("POST", f"namespaces/{NAMESPACE}/permissions/{role}", list(actions))

    def create_topic(self, name: str, partitions: int = 1) -> str:
        """Make a partitioned topic; return its whole name."""
        self.admin.ask("PUT", f"{path_of(name)}/partitions", partitions)
        return full_name(name)

    def add_partitions(self, name: str, total: int) -> None:
        """Let a topic have this many partitions, more than before."""
        self.admin.ask("POST", f"{path_of(name)}/partitions", total)

    def retain(self, name: str, *, hours: int) -> None:
        """Let a topic keep what is acknowledged so long from now on, however much it is."""
        kept = {"retentionTimeInMinutes": hours * MINUTES_PER_HOUR, "retentionSizeInMB": -1}
        self.admin.ask("POST", f"{path_of(name)}/retention", kept)

    def delete_topic(self, name: str) -> None:
        """Delete a topic with all that it holds and all who use it."""
        self.admin.ask("DELETE", f"{path_of(name)}/partitions?force=true")

    def rewind(self, name: str, subscription: str, *, to_ms: int = 0) -> None:
        """Let a subscription begin again with what was published at or after this time."""
        place = f"{path_of(name)}/subscription/{subscription}/resetcursor/{to_ms}"
        self.admin.ask("POST", place)

    def expire(self, name: str, partition: int) -> None:
        """End a partition's ledger and its topic's retention.

        What every subscription has acknowledged is gone within two seconds of the next message's
        acknowledgement: Pulsar deletes whole ledgers, and none in which a subscription stands.
        """
        self.admin.ask("PUT", f"{path_of(name)}-partition-{partition}/unload")
        nothing = {"retentionTimeInMinutes": 0, "retentionSizeInMB": 0}
        self.admin.ask("POST", f"{path_of(name)}/retention", nothing)

    def held(self, name: str, partition: int) -> int:
        """Return how many entries (single messages or batches of them) a partition holds."""
        place = f"{path_of(name)}-partition-{partition}/internalStats"
        return int(self.admin.ask("GET", place)["numberOfEntries"])

    def statistics(self, name: str) -> Mapping[str, Any]:
        """Return the broker's own statistics of a topic, each partition's among them."""
        found: Mapping[str, Any] = self.admin.ask("GET", f"{path_of(name)}/partitioned-stats")
        return found

    @classmethod
    def _trial(cls, folder: Path) -> "LocalPulsar":
        return _place(_on_free_ports(folder), {}, with_tls=True, with_tokens=True)

    @property
    def _command(self) -> Sequence[str]:
        kept = ("--metadata-dir", "data/metadata", "--bookkeeper-dir", "data/bookkeeper")
        ports = ("--bookkeeper-port", str(self.bookie_port))
        # Neither functions nor the table service: nothing of ours asks for them.
        settings = ("-nfw", "-nss", "-a", HOST, "-c", str(self.folder / SETTINGS))
        return (STARTER, *settings, *kept, *ports)

    def _serves(self) -> bool:
        """Ask for the namespace, which is made last, then let the broker write and read itself."""
        admin = self.admin
        namespace = admin.answers(f"namespaces/{NAMESPACE}", seconds_max=2.0)
        return namespace and admin.answers("brokers/health", seconds_max=10.0)


def start(
    folder: Path,
    *,
    with_tls: bool = False,
    with_tokens: bool = False,
    stays: bool = False,
    light: bool = False,
    config: Mapping[str, object] | None = None,
    retention_minutes: int = 60,
) -> LocalPulsar:
    """Start a Pulsar in this folder and wait until it serves; one that runs there is returned.

    `stays`: it outlives this process. `light`: it starts with half the work and serves less.
    `config`: settings of the broker that differ from ours. All but `stays` count when the folder is
    new. Raises UserError when it cannot be installed or does not start.
    """
    prepare()
    folder = folder.resolve()
    pulsar = LocalPulsar.placed(folder)
    if pulsar is None:
        kept: dict[str, object] = {
            "defaultRetentionTimeInMinutes": retention_minutes,
            "defaultRetentionSizeInMB": -1,
        }
        new = replace(_on_free_ports(folder), stays=stays, light=light)
        settings = {**kept, **(config or {})}
        pulsar = _place(new, settings, with_tls=with_tls, with_tokens=with_tokens)
    pulsar.start(stays=stays)
    return pulsar


prepare = LocalPulsar.prepare
running = LocalPulsar.running


def _on_free_ports(folder: Path) -> LocalPulsar:
    port, web_port, bookie_port = lasting_ports(3)
    return LocalPulsar(folder=folder, port=port, web_port=web_port, bookie_port=bookie_port)


def _place(
    pulsar: LocalPulsar, settings: Mapping[str, object], *, with_tls: bool, with_tokens: bool
) -> LocalPulsar:
    """Write the settings of a new Pulsar, then its place, and return it as it is then."""
    folder = pulsar.folder
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        **STANDALONE,
        "brokerServicePort": pulsar.port,
        "webServicePort": pulsar.web_port,
        "listeningInterface": pulsar_settings.loopback(),
    }
    if with_tls:
        certificate = tls.make(folder)
        [tls_port] = lasting_ports(1)
        pulsar = replace(pulsar, tls_port=tls_port, ca_file=certificate.ca_file)
        written |= pulsar_settings.with_tls(certificate, tls_port)
    if with_tokens:
        secret_file = folder / SECRET
        tokens.make_key(secret_file)
        pulsar = replace(pulsar, secret_file=secret_file)
        written |= pulsar_settings.with_tokens(secret_file, pulsar.token())
    (folder / SETTINGS).write_text(words({**written, **settings}))
    return pulsar.keep_place()

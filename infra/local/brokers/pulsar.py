"""A real Pulsar on this machine: broker, bookie and metadata in one process, without bash.

    start(folder) -> LocalPulsar    running(folder) -> LocalPulsar | None

What it keeps lies in the folder: started there again, on the same ports, it has all of it. The
broker deduplicates by producer name and sequence id, notes its own time with each entry, holds
producers back when a backlog is full, and makes topics by asking only.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.brokers import artifacts, java, pulsar_settings, tls, tokens
from infra.local.brokers.broker_process import BrokerProcess, words
from infra.local.brokers.ports import HOST, lasting_ports
from infra.local.brokers.pulsar_admin import NAMESPACE, PulsarAdmin, full_name, path_of
from infra.local.brokers.pulsar_settings import ADMIN, OPTIONS, STANDALONE

PLACE: Final = "pulsar.json"
SETTINGS: Final = "standalone.conf"
SECRET: Final = "secret.key"


@dataclass(frozen=True, kw_only=True)
class LocalPulsar:
    """A Pulsar on this machine; TLS and tokens are there when they were asked for."""

    folder: Path
    port: int
    web_port: int
    bookie_port: int
    tls_port: int | None = None
    ca_file: Path | None = None
    secret_file: Path | None = None
    stays: bool = False

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

    @property
    def pid(self) -> int | None:
        """Return the id of its process, None when it does not run."""
        process = self._process.find()
        return None if process is None else process.pid

    def stop(self) -> None:
        """End it as a person would (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Start it on the same data and ports, ending it first if it runs; wait until it serves."""
        self._process.stop()
        self._process.start(stays=self.stays)

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

    @property
    def _process(self) -> BrokerProcess:
        kept = ("--metadata-dir", "data/metadata", "--bookkeeper-dir", "data/bookkeeper")
        # Neither functions nor the table service: nothing of ours asks for them.
        arguments = ("-nfw", "-nss", "-a", HOST, "-c", str(self.folder / SETTINGS), *kept)
        ports = ("--bookkeeper-port", str(self.bookie_port))
        starter = "org.apache.pulsar.PulsarStandaloneStarter"
        jars = artifacts.folder_of("pulsar")
        return BrokerProcess(
            folder=self.folder,
            command=tuple(java.command(starter, *arguments, *ports, jars=jars, options=OPTIONS)),
            environment=dict(os.environ),
            ready=self._serves,
        )

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
    config: Mapping[str, object] | None = None,
    retention_minutes: int = 60,
) -> LocalPulsar:
    """Start a Pulsar in this folder and wait until it serves; one that runs there is returned.

    `stays`: it outlives this process. `config`: settings of the broker that differ from ours. All
    but `stays` count when the folder is new. Raises UserError when it cannot be installed or does
    not start.
    """
    folder = folder.resolve()
    pulsar = _placed(folder)
    if pulsar is None:
        kept: dict[str, object] = {
            "defaultRetentionTimeInMinutes": retention_minutes,
            "defaultRetentionSizeInMB": -1,
        }
        settings = {**STANDALONE, **kept, **(config or {})}
        pulsar = _place(folder, settings, with_tls=with_tls, with_tokens=with_tokens, stays=stays)
    pulsar._process.start(stays=stays)  # noqa: SLF001 - its own module's
    return pulsar


def running(folder: Path) -> LocalPulsar | None:
    """Return the Pulsar that runs in this folder, None if none does."""
    pulsar = _placed(folder.resolve())
    return pulsar if pulsar is not None and pulsar.pid is not None else None


def _placed(folder: Path) -> LocalPulsar | None:
    place = folder / PLACE
    if not place.exists():
        return None
    stored = json.loads(place.read_text())
    paths = {name: stored[name] and Path(stored[name]) for name in ("ca_file", "secret_file")}
    return LocalPulsar(**{**stored, **paths, "folder": folder})


def _place(
    folder: Path,
    settings: Mapping[str, object],
    *,
    with_tls: bool,
    with_tokens: bool,
    stays: bool,
) -> LocalPulsar:
    """Choose ports and write the settings; PLACE is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    port, web_port, bookie_port, tls_port = lasting_ports(4)
    certificate = tls.make(folder) if with_tls else None
    pulsar = LocalPulsar(
        folder=folder,
        port=port,
        web_port=web_port,
        bookie_port=bookie_port,
        tls_port=tls_port if with_tls else None,
        ca_file=None if certificate is None else certificate.ca_file,
        secret_file=folder / SECRET if with_tokens else None,
        stays=stays,
    )
    ports = {
        "brokerServicePort": port,
        "webServicePort": web_port,
        "listeningInterface": pulsar_settings.loopback(),
    }
    secured = {} if certificate is None else pulsar_settings.with_tls(certificate, tls_port)
    if pulsar.secret_file is not None:
        tokens.make_key(pulsar.secret_file)
        secured |= pulsar_settings.with_tokens(pulsar.secret_file, pulsar.token())
    (folder / SETTINGS).write_text(words({**ports, **secured, **settings}))
    (folder / PLACE).write_text(json.dumps(asdict(pulsar), default=str))
    return pulsar

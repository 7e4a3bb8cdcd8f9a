"""A real Pulsar on this machine: broker, bookie and metadata in one process, without bash.

    start(folder) -> LocalPulsar    running(folder) -> LocalPulsar | None

What it keeps lies in the folder: started there again, on the same ports, it has all of it. The
broker deduplicates by producer name and sequence id, notes its own time with each entry, holds
producers back when a backlog is full, and makes topics by asking only.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from infra.local.brokers import artifacts, class_archive, java, pulsar_settings, tls, tokens
from infra.local.brokers.broker_process import BrokerProcess, words
from infra.local.brokers.pulsar_admin import NAMESPACE, PulsarAdmin, full_name, path_of
from infra.local.brokers.pulsar_settings import ADMIN, OPTIONS, STANDALONE
from infra.local.ports import HOST, lasting_ports

PLACE: Final = "pulsar.json"
SETTINGS: Final = "standalone.conf"
STARTER: Final = "org.apache.pulsar.PulsarStandaloneStarter"
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
    light: bool = False

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
        return self._process_with(class_archive.options(artifacts.folder_of("pulsar")))

    def _process_with(self, sharing: Sequence[str]) -> BrokerProcess:
        kept = ("--metadata-dir", "data/metadata", "--bookkeeper-dir", "data/bookkeeper")
        # Neither functions nor the table service: nothing of ours asks for them.
        arguments = ("-nfw", "-nss", "-a", HOST, "-c", str(self.folder / SETTINGS), *kept)
        ports = ("--bookkeeper-port", str(self.bookie_port))
        options = (*OPTIONS, *sharing, *([java.LIGHT] if self.light else []))
        jars = artifacts.folder_of("pulsar")
        return BrokerProcess(
            folder=self.folder,
            command=tuple(java.command(STARTER, *arguments, *ports, jars=jars, options=options)),
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
    pulsar = _placed(folder)
    if pulsar is None:
        kept: dict[str, object] = {
            "defaultRetentionTimeInMinutes": retention_minutes,
            "defaultRetentionSizeInMB": -1,
        }
        new = replace(_on_free_ports(folder), stays=stays, light=light)
        settings = {**kept, **(config or {})}
        pulsar = _place(new, settings, with_tls=with_tls, with_tokens=with_tokens)
    pulsar._process.start(stays=stays)  # noqa: SLF001 - its own module's
    return pulsar


def prepare() -> None:
    """Install what a Pulsar runs with, where that has not been done on this machine."""
    class_archive.ensure(artifacts.folder_of("pulsar"), _run_once)


def _run_once(options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        new = _on_free_ports(Path(folder).resolve())
        pulsar = _place(new, {}, with_tls=True, with_tokens=True)
        pulsar._process_with(options).run_once()  # noqa: SLF001 - its own module's


def _on_free_ports(folder: Path) -> LocalPulsar:
    port, web_port, bookie_port = lasting_ports(3)
    return LocalPulsar(folder=folder, port=port, web_port=web_port, bookie_port=bookie_port)


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
    pulsar: LocalPulsar, settings: Mapping[str, object], *, with_tls: bool, with_tokens: bool
) -> LocalPulsar:
    """Write the settings of a new Pulsar, and return it as it is then; PLACE is written last."""
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
    (folder / PLACE).write_text(json.dumps(asdict(pulsar), default=str))
    return pulsar

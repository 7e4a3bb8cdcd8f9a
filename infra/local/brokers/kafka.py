"""A real Kafka of one node on this machine (KRaft: no ZooKeeper), up in about three seconds.

    start(folder) -> LocalKafka    running(folder) -> LocalKafka | None

What it keeps lies in the folder: started there again, on the same ports, it has all of it. A
record's time is the broker's (`LogAppendTime`), and topics are made by asking only.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from infra.local.brokers import artifacts, class_archive, java, tls
from infra.local.brokers.broker_process import words
from infra.local.brokers.local_broker import LocalBroker
from infra.local.ports import HOST, lasting_ports
from pipeline.errors import OperatingError

CLUSTER_ID: Final = "U2x1aWNlLUxvY2FsLUthZg"
"""A UUID in base64, as Kafka wants it; each folder is a cluster of its own all the same."""
MEMORY: Final = "-Xmx512m"
ADMIN_SECONDS_MAX: Final = 20.0
NOT_ANSWERED: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001
HOUR_MS: Final = 3_600_000
SETTINGS: Final = "server.properties"
DATA: Final = "data"
LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)
ONE_NODE: Final = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "log.message.timestamp.type": "LogAppendTime",
    "auto.create.topics.enable": False,
    "num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    # What retention has ended is gone within a second or two, not within five minutes.
    "log.retention.check.interval.ms": 1_000,
    "log.segment.delete.delay.ms": 1_000,
    "log.flush.start.offset.checkpoint.interval.ms": 1_000,
    # A node that was killed is let in again once its session is over: 9 seconds by default.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 250,
}


@dataclass(frozen=True, kw_only=True)
class LocalKafka(LocalBroker):
    """A Kafka on this machine, or one node of it."""

    kind = "kafka"
    options = (MEMORY, *LOGGING)

    controller_port: int
    copies: int = 1
    """Of each record of a topic that it makes."""

    @property
    def bootstrap_servers(self) -> str:
        """Return the address of the listener without TLS."""
        return f"{HOST}:{self.port}"

    @property
    def tls_servers(self) -> str:
        """Return the address of the listener with TLS."""
        assert self.tls_port is not None, "started without TLS"
        return f"{HOST}:{self.tls_port}"

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Make a topic; `config` is the topic's own configuration by Kafka's names."""
        topic = NewTopic(name, partitions, self.copies, config=dict(config or {}))
        self._do(lambda admin: admin.create_topics([topic]), KafkaError.TOPIC_ALREADY_EXISTS)
        self._until(lambda: len(self._partitions(name)) == partitions, f"topic {name}")

    def add_partitions(self, name: str, total: int) -> None:
        """Let a topic have this many partitions, more than before."""
        grown = NewPartitions(name, total)
        self._do(lambda admin: admin.create_partitions([grown]), KafkaError.INVALID_PARTITIONS)
        self._until(lambda: len(self._partitions(name)) == total, f"{total} partitions of {name}")

    def delete_topic(self, name: str) -> None:
        """Delete a topic with all that it holds."""
        self._do(lambda admin: admin.delete_topics([name]), KafkaError.UNKNOWN_TOPIC_OR_PART)
        self._until(lambda: not self._partitions(name), f"the end of topic {name}")

    def retain(self, name: str, *, hours: int) -> None:
        """Let a topic keep its records so long from now on."""
        kept = ConfigEntry(
            "retention.ms",
            str(hours * HOUR_MS),
            incremental_operation=AlterConfigOpType.SET,
        )
        topic = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[kept])
        self._do(lambda admin: admin.incremental_alter_configs([topic]))

    def expire(self, name: str, partition: int, before: int) -> None:
        """Let the partition begin at this offset, as if what was before it had expired."""
        self._do(lambda admin: admin.delete_records([TopicPartition(name, partition, before)]))

    def rewind(self, group: str, name: str, offsets: Mapping[int, int]) -> None:
        """Set what a group without members has committed, by partition."""
        places = [TopicPartition(name, partition, at) for partition, at in offsets.items()]
        self._do(
            lambda admin: admin.alter_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, places)]
            )
        )

    @classmethod
    def _trial(cls, folder: Path) -> "LocalKafka":
        return place(folder, with_tls=True)

    @property
    def _command(self) -> Sequence[str]:
        return ("kafka.Kafka", str(self.folder / SETTINGS))

    def _serves(self) -> bool:
        return bool(self._brokers())

    def _admin(self) -> AdminClient:
        # Silent while the broker is not there: that is what is being found out.
        return AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, "socket.timeout.ms": 5000}
        )

    def _brokers(self) -> Mapping[int, Any]:
        try:
            return self._admin().list_topics(timeout=1.0).brokers
        except KafkaException:
            return {}

    def _partitions(self, name: str) -> Mapping[int, Any]:
        found = self._admin().list_topics(timeout=5.0).topics.get(name)
        return {} if found is None or found.error else found.partitions

    def _do(self, ask: Callable[[AdminClient], Mapping[Any, Any]], done: int | None = None) -> None:
        """Ask, and ask anew where nobody answers; `done` is how the broker says: done before.

        Once a node has died the others name it for some seconds as the one to ask.
        """
        deadline = time.monotonic() + ADMIN_SECONDS_MAX
        answered_before = True
        while True:
            admin = self._admin()  # its answers end with it, and a new one asks for the nodes anew
            try:
                for future in ask(admin).values():
                    future.result(timeout=ADMIN_SECONDS_MAX)
            except KafkaException as error:
                code = error.args[0].code()
                if code in NOT_ANSWERED and time.monotonic() < deadline:
                    answered_before = False
                    continue
                if answered_before or code != done:
                    raise
            return

    def _until(self, look: Callable[[], bool], what: str) -> None:
        """Wait until the broker's metadata tell of what it was asked to do."""
        deadline = time.monotonic() + ADMIN_SECONDS_MAX
        while not look():
            if time.monotonic() > deadline:
                raise OperatingError(f"{what}: not seen at {self.bootstrap_servers}")
            time.sleep(0.02)


def start(
    folder: Path,
    *,
    with_tls: bool = False,
    stays: bool = False,
    light: bool = False,
    config: Mapping[str, object] | None = None,
) -> LocalKafka:
    """Start a Kafka in this folder and wait until it serves; one that runs there is returned.

    `stays`: it outlives this process. `light`: it starts with half the work and serves less.
    `config`: settings of the broker that differ from ours. All but `stays` count when the folder is
    new. Raises UserError when it cannot be installed or does not start.
    """
    prepare()
    folder = folder.resolve()
    kafka = LocalKafka.placed(folder)
    if kafka is None:
        kafka = place(folder, with_tls=with_tls, stays=stays, light=light, config=config)
    kafka.start(stays=stays)
    return kafka


prepare = LocalKafka.prepare
running = LocalKafka.running


def place(
    folder: Path,
    *,
    ports: Sequence[int] = (),
    with_tls: bool = False,
    stays: bool = False,
    light: bool = False,
    copies: int = 1,
    config: Mapping[str, object] | None = None,
) -> LocalKafka:
    """Write the settings and format the storage of a node; its place is written last.

    `ports`: of clients, of controllers, of clients by TLS; free ones else. Raises UserError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, controller_port, tls_port = ports or lasting_ports(3)
    certificate = tls.make(folder) if with_tls else None
    listeners = [f"PLAINTEXT://{HOST}:{port}"]
    secured: dict[str, object] = {}
    if certificate is not None:
        listeners.append(f"SSL://{HOST}:{tls_port}")
        secured = {
            "ssl.keystore.location": str(certificate.keystore),
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.password": certificate.password,
        }
    settings = {
        **ONE_NODE,
        "log.dirs": str(folder / DATA),
        "listeners": [*listeners, f"CONTROLLER://{HOST}:{controller_port}"],
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        **secured,
        **(config or {}),
    }
    (folder / SETTINGS).write_text(words(settings))
    arguments = ("format", "-t", CLUSTER_ID, "-c", str(folder / SETTINGS), "--ignore-formatted")
    jars = artifacts.folder_of("kafka")
    options = (java.LIGHT, *LOGGING, *class_archive.options(jars))
    java.run(java.command("kafka.tools.StorageTool", *arguments, jars=jars, options=options))
    return LocalKafka(
        folder=folder,
        port=port,
        controller_port=controller_port,
        copies=copies,
        tls_port=tls_port if with_tls else None,
        ca_file=None if certificate is None else certificate.ca_file,
        stays=stays,
        light=light,
    ).keep_place()

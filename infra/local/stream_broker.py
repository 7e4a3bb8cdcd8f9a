"""The broker of a local stack: a real one in the stack's folder, of the kind that it streams by.

A Kafka may have several nodes, each a process of its own. They stay when a command that restarts
them ends; the supervisor sees to it that they end with the local AWS, and what they kept goes with
the local AWS's own.
"""

import importlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from infra.local.brokers.pulsar_admin import NAMESPACE, full_name, path_of
from pipeline.errors import UserError

Kind = Literal["kafka", "pulsar"]
KINDS: Final[tuple[Kind, ...]] = ("kafka", "pulsar")
FOLDER: Final = "broker"
LOG: Final = "broker.log"
ASK_SECONDS_MAX: Final = 20.0


def install(kind: Kind, on_step: Callable[[str], None]) -> None:
    """Fetch the broker's files where they are missing. Raises UserError when they cannot be had."""
    from infra.local.brokers import artifacts

    artifacts.folder_of(kind, on_step=on_step)


def start(kind: Kind, state_dir: Path, count: int = 1) -> Any:
    """Start each node that does not run and wait until it serves; return the first one's handle.

    There are as many as there were before, `count` of them where none was. Raises UserError.
    """
    folder = state_dir / FOLDER
    if kind == "kafka" and (count > 1 or len(nodes(kind, state_dir)) > 1):
        from infra.local.brokers import kafka_nodes

        return kafka_nodes.start(folder, count, stays=True)[0]
    return _module(kind).start(folder, stays=True)


def find(kind: Kind, state_dir: Path) -> Any | None:
    """Return the handle of a node of the stack's broker that runs, None where none does."""
    return next((node for node in nodes(kind, state_dir) if node.pid is not None), None)


def nodes(kind: Kind, state_dir: Path) -> Sequence[Any]:
    """Return the handles of all nodes, whether they run or not."""
    folder = state_dir / FOLDER
    if kind == "kafka":
        from infra.local.brokers import kafka_nodes

        return kafka_nodes.placed(folder)
    from infra.local.brokers.pulsar import LocalPulsar

    found = LocalPulsar.placed(folder.resolve())
    return () if found is None else (found,)


def make_topic(
    kind: Kind,
    state_dir: Path,
    name: str,
    *,
    partitions: int,
    retention_hours: int,
    backlog_bytes_max: int | None = None,
) -> None:
    """See that a topic is there with at least so many partitions, and keeps events so long.

    A Pulsar holds producers from `backlog_bytes_max` unread bytes of a partition on. On AWS the
    program makes the topic where the cluster is its own; of a given one it expects it. Raises
    UserError when the broker has ended, OperatingError when it refuses.
    """
    broker = find(kind, state_dir)
    if broker is None:
        raise UserError(f"the {kind} of this stack has ended: see {state_dir / FOLDER / LOG}")
    if kind == "pulsar":
        held = {
            "limitSize": backlog_bytes_max or -1,
            "limitTime": -1,
            "policy": "producer_request_hold",
        }
        broker.admin.ask("POST", f"namespaces/{NAMESPACE}/backlogQuota", held)
    there = partitions_of(kind, broker, name)
    if there == 0:
        broker.create_topic(name, partitions)
    elif there < partitions:
        broker.add_partitions(name, partitions)
    broker.retain(name, hours=retention_hours)


def partitions_of(kind: Kind, broker: Any, name: str) -> int:
    """Return how many partitions a topic has, 0 if there is none."""
    if kind == "kafka":
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        topic = admin.list_topics(timeout=ASK_SECONDS_MAX).topics.get(name)
        return len(topic.partitions) if topic is not None else 0
    if full_name(name) not in broker.admin.ask("GET", f"persistent/{NAMESPACE}/partitioned"):
        return 0
    return int(broker.admin.ask("GET", f"{path_of(name)}/partitions")["partitions"])


def address(kind: Kind, brokers: Sequence[Any]) -> str:
    """Return where clients reach it: Kafka's bootstrap servers, Pulsar's service URL."""
    if kind == "kafka":
        return ",".join(broker.bootstrap_servers for broker in brokers)
    return str(brokers[0].service_url)


def end(state_dir: Path) -> None:
    """End whatever broker this folder has; nothing happens without one."""
    if not (state_dir / FOLDER).exists():
        return
    for kind in KINDS:
        for broker in nodes(kind, state_dir):
            broker.kill()


def forget(state_dir: Path) -> None:
    """End the broker of this folder and delete all that it kept, but for its log."""
    end(state_dir)
    log = state_dir / FOLDER / LOG
    if log.exists():
        log.replace(state_dir / LOG)
    shutil.rmtree(state_dir / FOLDER, ignore_errors=True)


class Broker:
    """The broker of the stack, if it has one, as its supervisor keeps it."""

    def __init__(self, kind: Kind | None, state_dir: Path, count: int = 1) -> None:
        """Start nothing yet."""
        self.kind = kind
        self.count = count
        self.address: str | None = None
        self.admin_url: str | None = None
        self._state_dir = state_dir
        self._guarded: set[int] = set()

    def start(self) -> str:
        """Start it and wait until it serves; return what went wrong, if anything."""
        if self.kind is None:
            return ""
        try:
            broker = start(self.kind, self._state_dir, self.count)
        except UserError as error:
            return str(error)
        self.address = address(self.kind, nodes(self.kind, self._state_dir))
        self.admin_url = broker.admin_url if self.kind == "pulsar" else None
        return ""

    def watch(self) -> None:
        """Let its processes end with this one, also after others have started them again."""
        if self.kind is None:
            return
        from infra.local.brokers import guard

        pids = {node.pid for node in nodes(self.kind, self._state_dir)} - {None}
        for pid in pids - self._guarded:
            guard.guard(os.getpid(), pid)
        self._guarded = pids

    def end(self) -> None:
        """End it."""
        end(self._state_dir)


def _module(kind: Kind) -> Any:
    """Import what only a stack of this kind needs."""
    return importlib.import_module(f"infra.local.brokers.{kind}")

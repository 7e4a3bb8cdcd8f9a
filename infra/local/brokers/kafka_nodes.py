"""A real Kafka of several nodes on this machine, of which one may be away, and all goes on.

    start(folder, count) -> (LocalKafka, ...)    placed(folder) -> (LocalKafka, ...)

The first node's place is the folder, the others' are folders in it.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from infra.local.brokers.kafka import LocalKafka, place
from infra.local.ports import HOST, lasting_ports

COPIES: Final = 3
"""Of each record: with fewer nodes there is no place for them."""
PORTS: Final = 3
"""Of each node."""
REPLICATED: Final[Mapping[str, object]] = {
    "min.insync.replicas": COPIES - 1,
    "offsets.topic.replication.factor": COPIES,
    "transaction.state.log.replication.factor": COPIES,
    "transaction.state.log.min.isr": COPIES - 1,
    "share.coordinator.state.topic.replication.factor": COPIES,
    "share.coordinator.state.topic.min.isr": COPIES - 1,
    # Nodes that share a few cores stand still for a moment now and then.
    "broker.session.timeout.ms": 5_000,
}
"""As over three zones of Amazon MSK (MSK developer guide, "Default Amazon MSK configuration")."""


def start(
    folder: Path, count: int, *, stays: bool = False, light: bool = False
) -> tuple[LocalKafka, ...]:
    """Start a Kafka of so many nodes, at least three, and wait until all serve.

    Those that run are left alone. `count` and `light` matter when the folder is new. Raises
    UserError when it cannot be installed or does not start.
    """
    LocalKafka.prepare()
    nodes = placed(folder) or _place(folder.resolve(), count, stays=stays, light=light)
    with ThreadPoolExecutor(len(nodes)) as pool:  # alone none would serve: it has no majority
        list(pool.map(lambda node: node.start(stays=stays), nodes))
    return nodes


def placed(folder: Path) -> tuple[LocalKafka, ...]:
    """Return the nodes whose place this folder is, whether they run or not."""
    first = LocalKafka.placed(folder.resolve())
    if first is None:
        return ()
    others = map(LocalKafka.placed, sorted(first.folder.glob("node-*")))
    return (first, *(node for node in others if node is not None))


def _place(folder: Path, count: int, *, stays: bool, light: bool) -> tuple[LocalKafka, ...]:
    """Place each node, a voter each; the first comes last, for its place is the cluster's."""
    ports = lasting_ports(PORTS * count)
    of_node = {node: ports[PORTS * (node - 1) : PORTS * node] for node in range(1, count + 1)}
    voters = [f"{node}@{HOST}:{controller}" for node, (_, controller, _) in of_node.items()]
    made = [
        place(
            folder if node == 1 else folder / f"node-{node}",
            ports=of_node[node],
            stays=stays,
            light=light,
            copies=COPIES,
            config={**REPLICATED, "node.id": node, "controller.quorum.voters": voters},
        )
        for node in sorted(of_node, reverse=True)
    ]
    return tuple(reversed(made))

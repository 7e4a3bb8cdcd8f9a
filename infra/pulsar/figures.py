"""What is told of a cluster to its watcher: a few figures, and by whom; pure.

Brokers answer some of it to administrators alone, and bookies whatever they are asked, deletions
among it, to anybody: so neither is asked itself, but `infra/pulsar/node/figures.py` beside it.
"""

from typing import Any, Final

BROKER_PORT: Final = 8444
BOOKIE_PORT: Final = 8001
BOOKIE_PATHS: Final = (
    "/api/v1/autorecovery/list_under_replicated_ledger",
    "/api/v1/bookie/cluster_info",
    "/api/v1/bookie/list_bookie_info",
)
"""BookKeeper documentation, "BookKeeper Admin REST API": of all bookies, told by any of them."""
BROKERS_PATH: Final = "/admin/v2/brokers"


def of_bookies(*, port: int = BOOKIE_PORT, server: str) -> dict[str, Any]:
    """Return what a bookie's machine tells without asking who it is: the network decides who comes.

    `server` is the bookie's own HTTP API.
    """
    return {"port": port, "server": server, "paths": BOOKIE_PATHS}


def of_brokers(topic: str, *, port: int = BROKER_PORT, admin_port: int) -> dict[str, Any]:
    """Return what a broker's machine tells to whoever may look up `topic`, by TLS."""
    path = f"/admin/v2/{topic.replace('://', '/')}"
    return {
        "port": port,
        "admin_port": admin_port,
        "gate": f"{path}/partitions",
        "paths": (BROKERS_PATH, f"{path}/partitioned-stats"),
    }

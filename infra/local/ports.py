"""Ports of this machine, for servers that stay and for brokers that come back.

A broker that restarts needs its port again. Clients knock on it meanwhile, each from a port that
the system picks, and one day picks just that one: the knock then answers itself, and the broker
finds its port in use. A server that takes seconds to start can lose its port so, too. So all listen
below the range from which the system picks.
"""

import random
import socket
from contextlib import ExitStack
from typing import Final

from pipeline.errors import UserError

HOST: Final = "127.0.0.1"
LOWEST: Final = 20_000
HIGHEST: Final = 32_000
"""Below 32768, where Linux begins (ip(7), ip_local_port_range); macOS begins at 49152."""
ATTEMPTS: Final = 200


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    (port,) = lasting_ports(1)
    return port


def lasting_ports(count: int) -> list[int]:
    """Return so many ports of 127.0.0.1, each another one, that nobody listens on now."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.SystemRandom().sample(range(LOWEST, HIGHEST + 1), ATTEMPTS):
            if len(found) == count:
                return found
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    raise UserError(f"{HOST} has no {count} free ports between {LOWEST} and {HIGHEST}")

"""By which ports a given broker is reached, as its addresses say; pure."""

from typing import Final
from urllib.parse import urlsplit

BY_SCHEME: Final = {"http": 80, "https": 443, "pulsar": 6650, "pulsar+ssl": 6651}
"""Where an address may leave its port out."""


def ports_of(*addresses: str) -> tuple[int, ...]:
    """Return each port once: of Kafka's bootstrap servers, and of URLs with one host or several.

    Raises ValueError for an address that says none.
    """
    found: set[int] = set()
    for address in addresses:
        scheme, _, places = address.rpartition("://")
        for place in places.split(","):
            port = urlsplit(f"//{place}").port or BY_SCHEME.get(scheme)
            if port is None:
                raise ValueError(f"{place!r} has no port; write it as host:port")
            found.add(port)
    return tuple(sorted(found))

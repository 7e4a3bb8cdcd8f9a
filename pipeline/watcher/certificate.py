"""How long a Pulsar's certificate is good: asked of brokers as clients see them, by TLS."""

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline import metrics
from pipeline.core.units import DAY_MS, SECOND_MS
from pipeline.errors import OperatingError
from pipeline.probe import Found
from pipeline.sources.connections import PulsarConnection

BY_TLS: Final = "pulsar+ssl"
PORT: Final = 6651
"""Where a URL names none (Pulsar documentation, "Connection URLs")."""
ANSWER_SECONDS_MAX: Final = 10.0
HAS_ENDED: Final = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED (its manual, "X509_STORE_CTX_get_error")."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is shown at `addresses`, of which a load balancer's is another broker's each time."""

    addresses: Sequence[tuple[str, int]]
    ca_file: Path | None
    clock_ms: Callable[[], int]

    def found(self) -> Found:
        """Find how many days are left of the one that ends first; 0 once it has ended.

        Raises OperatingError where somebody shows none that we trust, whatever its name.
        """
        ends_ms = min(map(self._ends_ms, self.addresses))
        days = max(0.0, (ends_ms - self.clock_ms()) / DAY_MS)
        return Found(values={metrics.CERTIFICATE_DAYS: round(days, 1)})

    def _ends_ms(self, address: tuple[str, int]) -> int:
        try:
            tls = ssl.create_default_context(cafile=self.ca_file)
            # Whether it is for that name is the clients' matter, which say so.
            tls.check_hostname = False
            with (
                socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as plain,
                tls.wrap_socket(plain, server_hostname=address[0]) as shown,
            ):
                ends = (shown.getpeercert() or {})["notAfter"]
        except OSError as error:
            if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == HAS_ENDED:
                return 0
            host, port = address
            raise OperatingError(
                f"{host}:{port} shows no certificate that we trust: {error}"
            ) from error
        return ssl.cert_time_to_seconds(str(ends)) * SECOND_MS


def certificate_of(connection: PulsarConnection, clock_ms: Callable[[], int]) -> Certificate | None:
    """Return the certificate of a topic's brokers, None where clients come without TLS."""
    scheme, _, rest = connection.service_url.partition("://")
    if scheme != BY_TLS:
        return None
    return Certificate(
        addresses=tuple(map(_address, rest.partition("/")[0].split(","))),
        ca_file=connection.ca_file,
        clock_ms=clock_ms,
    )


def _address(text: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port` or `[address]:port`."""
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() and host else (text.strip("[]"), PORT)

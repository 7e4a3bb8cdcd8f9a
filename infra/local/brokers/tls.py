"""A certificate for 127.0.0.1 made on the spot, by the JDK's own `keytool`."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.brokers import java

DAYS: Final = "30"
NAMES: Final = "san=ip:127.0.0.1,dns:localhost"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a broker shows (`keystore`, PKCS12), and what its clients are to trust (`ca_file`)."""

    keystore: Path
    password: str
    ca_file: Path


def make(folder: Path) -> Certificate:
    """Make a key and its self-signed certificate in this folder."""
    made = Certificate(
        keystore=folder / "broker.p12",
        password=secrets.token_hex(16),
        ca_file=folder / "ca.pem",
    )
    made.keystore.unlink(missing_ok=True)
    store = ("-keystore", str(made.keystore), "-storetype", "PKCS12", "-storepass", made.password)
    key = ("-genkeypair", "-alias", "broker", "-keyalg", "EC", "-groupname", "secp256r1")
    shown = (
        "-dname",
        "CN=localhost",
        "-validity",
        DAYS,
        "-ext",
        NAMES,
        "-ext",
        "bc:critical=ca:true",
    )
    java.keytool(*key, *shown, *store)
    java.keytool("-exportcert", "-alias", "broker", "-rfc", "-file", str(made.ca_file), *store)
    return made

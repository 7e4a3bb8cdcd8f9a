"""A Kafka that asks for a token over TLS, as MSK's IAM does, and tokens that it takes.

They are unsigned JSON web tokens (OAuthBearerUnsecuredValidatorCallbackHandler, Kafka's own, for
trials); MSK's are signed otherwise and handed over in the same way.
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.local.brokers.kafka import LocalKafka
from tests.brokers import own_kafka

WORKER: Final = "worker"
"""A subject that may do everything."""
MODULE: Final = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
REAUTHENTICATE_MS: Final = 3_000


@contextmanager
def guarded_kafka(folder: Path) -> Iterator[LocalKafka]:
    """Run one whose listener for TLS asks for a token, again each few seconds."""
    mechanism = "listener.name.ssl.oauthbearer."
    config = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SASL_SSL",
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{mechanism}connections.max.reauth.ms": REAUTHENTICATE_MS,
        f"{mechanism}sasl.jaas.config": (
            f'{MODULE} required unsecuredLoginStringClaim_sub="broker";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:broker;User:{WORKER}",
    }
    with own_kafka(folder, with_tls=True, config=config) as started:
        yield started


def token(subject: str, *, seconds: float) -> tuple[str, float]:
    """Return a token that lives so long, and when it expires."""
    now = time.time()
    claims = {"sub": subject, "iat": now, "exp": now + seconds}
    return f"{_part({'alg': 'none'})}.{_part(claims)}.", now + seconds


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

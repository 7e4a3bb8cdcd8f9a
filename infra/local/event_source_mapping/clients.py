"""Clients of the emulator: as Lambda itself, and as the role that a function runs under."""

import threading
import time
from typing import Any

import boto3
from botocore.config import Config

FUNCTION_SECONDS_MAX = 900.0
"""No function runs longer (Lambda quotas): an answer is awaited a little longer than that."""
ROLE_SECONDS = 45 * 60.0
"""Assumed again after this time: a role's credentials are good for an hour."""


class Clients:
    """Clients of one identity, one a service; Invoke is never repeated by the SDK."""

    def __init__(self, session: Any, *, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = session
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        """Return the client of a service."""
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.client(
                    service, endpoint_url=self._endpoint, config=_config(service)
                )
            return self._made[service]


class Identities:
    """Lambda's own clients, and those of the functions' roles.

    AWS reads the stream and writes to the destination with the function's role, so that a role
    without the permission fails here too when the emulator enforces IAM.
    """

    def __init__(self, *, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        own = boto3.Session("test", "test", region_name=region)
        self.own = Clients(own, endpoint=endpoint)
        self._lock = threading.Lock()
        self._roles: dict[str, tuple[float, Clients | None]] = {}

    def role(self, role_arn: str) -> Clients:
        """Return the clients of a role. Raises ClientError if it cannot be assumed."""
        with self._lock:
            until, clients = self._roles.get(role_arn, (0.0, None))
            if clients is None or time.monotonic() > until:
                clients = self._assume(role_arn)
                self._roles[role_arn] = (time.monotonic() + ROLE_SECONDS, clients)
            return clients

    def _assume(self, role_arn: str) -> Clients:
        assumed = self.own("sts").assume_role(
            RoleArn=role_arn, RoleSessionName="event-source-mapping"
        )["Credentials"]
        session = boto3.Session(
            assumed["AccessKeyId"],
            assumed["SecretAccessKey"],
            assumed["SessionToken"],
            region_name=self._region,
        )
        return Clients(session, endpoint=self._endpoint)


def _config(service: str) -> Config:
    invokes = service == "lambda"
    return Config(
        read_timeout=FUNCTION_SECONDS_MAX + 30 if invokes else 30,
        retries={"total_max_attempts": 1 if invokes else 3},
        max_pool_connections=256,
    )

"""One call to the embedded AWS: its conditions, its parameters checked, its answer kept."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.provider.errors import ProviderError
from infra.local.provider.resource_type import Call, Wait
from infra.local.provider.template import ABSENT, Scope, render
from infra.local.provider.validation import validated

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
WAIT_SECONDS: Final = 0.2
WAIT_ATTEMPTS_MAX: Final = 300
CREDENTIALS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""The embedded AWS's own administrator; real credentials are never sent to it."""

CLIENT_CONFIG: Final = Config(
    connect_timeout=3,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


class Caller:
    """Makes calls on a loopback endpoint, and on no other one."""

    def __init__(self, *, endpoint: str, region: str) -> None:
        """Take where to call. Raises ProviderError for an endpoint that is not on this machine."""
        host = urlparse(endpoint).hostname
        if host not in LOOPBACK:
            raise ProviderError(
                f"the local provider only talks to this machine, not to {endpoint!r}; "
                "deploy to AWS with `pulumi up`"
            )
        self._endpoint = endpoint
        self._region = region

    def client(self, service: str) -> Any:
        """Return the client of a service: made once a process, for its model takes long to read."""
        return _client(service, self._endpoint, self._region)

    def parameters(self, service: str, call: Call, scope: Scope, name: str) -> dict[str, Any]:
        """Return a call's parameters. Raises InvalidParameter for what the service's model bars."""
        meta = self.client(service).meta
        operation = meta.service_model.operation_model(meta.method_to_api_mapping[call.operation])
        rendered = render(call.parameters, scope)
        given = {} if rendered is ABSENT else rendered
        if operation.input_shape is None:
            return {}
        return dict(validated(operation.input_shape, given, name))

    def make(self, service: str, call: Call, scope: dict[str, Any], name: str) -> bool:
        """Make a call if its conditions hold, put its answer in scope, return whether it was made.

        Raises InvalidParameter, or botocore's ClientError.
        """
        if not wanted(call, scope):
            return False
        client = self.client(service)
        parameters = self.parameters(service, call, scope, name)
        scope[call.into] = getattr(client, call.operation)(**parameters)
        if call.wait is not None:
            _wait(client, call.wait, scope)
        return True


@cache
def _client(service: str, endpoint: str, region: str) -> Any:
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        config=CLIENT_CONFIG,
        **CREDENTIALS,
    )


def wanted(call: Call, scope: Scope) -> bool:
    """Return whether a call's conditions hold."""
    if any(render(reference, scope) in (ABSENT, {}, []) for reference in call.needs):
        return False
    if call.when is not None and render(call.when[0], scope) != call.when[1]:
        return False
    if call.grows is not None:
        return _number(call.grows, scope) > _number(f"old.{call.grows}", scope)
    if call.shrinks is not None:
        return _number(call.shrinks, scope) < _number(f"old.{call.shrinks}", scope)
    return True


def code(error: ClientError) -> str:
    """Return the service's error code."""
    answer: Mapping[str, Any] = error.response
    return str(answer.get("Error", {}).get("Code", ""))


def _wait(client: Any, wait: Wait, scope: Scope) -> None:
    client.get_waiter(wait.waiter).wait(
        **render(wait.parameters, scope),
        WaiterConfig={"Delay": WAIT_SECONDS, "MaxAttempts": WAIT_ATTEMPTS_MAX},
    )


def _number(path: str, scope: Scope) -> float:
    value = render(f"${path}", scope)
    return 0.0 if value is ABSENT else float(value)

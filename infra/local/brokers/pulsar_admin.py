"""Pulsar's admin REST API, as far as topics and rights need it; each call is bounded in time.

Paths are those of Pulsar's documentation, "Admin REST API" (persistent topics, namespaces).
"""

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.errors import OperatingError

CALL_SECONDS_MAX: Final = 20.0
NAMESPACE: Final = "public/default"


@dataclass(frozen=True, kw_only=True)
class PulsarAdmin:
    """The API at `url`, asked with this token where one is given."""

    url: str
    token: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        seconds_max: float = CALL_SECONDS_MAX,
    ) -> Any:
        """Return the answer's JSON, or text where it is none, of a path under `/admin/v2/`.

        Raises OperatingError with Pulsar's own reason; OSError when nobody answers.
        """
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=seconds_max)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/admin/v2/{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status >= 300:
            raise OperatingError(f"{method} {path}: {answer.status} {text[:300]}")
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text

    def answers(self, path: str, *, seconds_max: float) -> bool:
        """Return whether this path is served."""
        try:
            self.ask("GET", path, seconds_max=seconds_max)
        except (OSError, http.client.HTTPException, OperatingError):
            return False
        return True


def full_name(topic: str) -> str:
    """Return the topic's whole name, `persistent://tenant/namespace/topic`."""
    return topic if "://" in topic else f"persistent://{NAMESPACE}/{topic}"


def path_of(topic: str) -> str:
    """Return the topic's path in the API."""
    return full_name(topic).replace("://", "/")

"""Bring tenants, namespaces, rights and topics to what a file says; a second run changes nothing.

apply_topics.py ADMIN_URL CA_FILE TOKEN_FILE WANTED_FILE
"""

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30
REDIRECTS_MAX = 5
FOUND = (200, 204)
CONFLICT = 409
NOT_FOUND = 404
EARLIEST = {"ledgerId": -1, "entryId": -1}
Say = Callable[[str], object]


class Refused(Exception):
    """What the brokers, or the file's own contradictions, refuse."""


class Admin:
    """The brokers' admin API, asked in the name of one token."""

    def __init__(self, url: str, *, ca_file: str, token: str) -> None:
        """Ask at `url`; only the authority in `ca_file` is trusted."""
        self._url = url.rstrip("/")
        self._token = token
        self._tls = ssl.create_default_context(cafile=ca_file)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and answer. Raises Refused for what is neither done, there nor absent."""
        url = f"{self._url}/admin/v2/{path}"
        for _ in range(REDIRECTS_MAX):
            status, text, onward = self._once(method, url, body)
            if onward is None:
                break
            # Another broker owns it; urllib follows a redirected GET alone.
            url = onward
        if status in FOUND or status in (CONFLICT, NOT_FOUND):
            return status, json.loads(text) if text.strip().startswith(("{", "[", '"')) else text
        raise Refused(f"{method} {path}: {status} {text[:300]}")

    def _once(self, method: str, url: str, body: Any) -> tuple[int, str, Any]:
        request = urllib.request.Request(
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(
                request, timeout=TIMEOUT_SECONDS, context=self._tls
            ) as answer:
                return answer.status, answer.read().decode(), None
        except urllib.error.HTTPError as error:
            with error:
                onward = error.headers.get("Location") if error.code in (307, 308) else None
                return error.code, error.read().decode(errors="replace"), onward
        except OSError as error:
            raise Refused(f"{method} {url}: {error}") from error


class Wanted:
    """What there should be, and how it is brought about."""

    def __init__(self, admin: Admin, say: Say) -> None:
        """Bring about through `admin`, and tell each change by `say`."""
        self._admin = admin
        self._say = say

    def apply(self, wanted: dict[str, Any]) -> None:
        """Bring everything about, the outer before the inner."""
        tenant = wanted["tenant"]
        self._make(f"tenants/{tenant}", {"allowedClusters": [wanted["cluster"]], "adminRoles": []})
        for namespace in wanted["namespaces"]:
            self._namespace(f"{tenant}/{namespace['name']}", namespace)
        for topic in wanted["topics"]:
            self._topic(f"persistent/{tenant}/{topic['namespace']}/{topic['name']}", topic)

    def _namespace(self, path: str, wanted: dict[str, Any]) -> None:
        self._make(f"namespaces/{path}", {"bundles": {"numBundles": wanted["bundles"]}})
        _, policies = self._admin.ask("GET", f"namespaces/{path}")
        keep = {
            "retentionTimeInMinutes": wanted["retention_minutes"],
            "retentionSizeInMB": wanted["retention_mb"],
        }
        self._set(path, "POST", "retention", keep, policies.get("retention_policies"))
        hold = {
            "limitSize": wanted["backlog_bytes_max"],
            "limitTime": -1,
            "policy": "producer_request_hold",
        }
        held = (policies.get("backlog_quota_map") or {}).get("destination_storage") or {}
        self._set(path, "POST", "backlogQuota", hold, {key: held.get(key) for key in hold})
        self._set(path, "POST", "deduplication", True, policies.get("deduplicationEnabled"))
        offload = wanted["offload_bytes"]
        self._set(path, "PUT", "offloadThreshold", offload, policies.get("offload_threshold", -1))
        self._rights(path, wanted["rights"], policies)

    def _rights(self, path: str, wanted: dict[str, Any], policies: dict[str, Any]) -> None:
        held = policies.get("auth_policies", {}).get("namespace_auth", {})
        for role in sorted(held.keys() - wanted.keys()):
            self._admin.ask("DELETE", f"namespaces/{path}/permissions/{role}")
            self._say(f"{path}: {role} has no right any more")
        for role, actions in sorted(wanted.items()):
            self._set(path, "POST", f"permissions/{role}", actions, held.get(role))

    def _topic(self, path: str, wanted: dict[str, Any]) -> None:
        partitions = wanted["partitions"]
        made = self._make(f"{path}/partitions", partitions)
        _, metadata = self._admin.ask("GET", f"{path}/partitions")
        held = metadata["partitions"]
        if not made and held < partitions:
            self._admin.ask("POST", f"{path}/partitions", partitions)
            self._say(f"{path}: {held} partitions became {partitions}")
        if held > partitions:
            raise Refused(f"{path}: has {held} partitions, and none can be taken from it again")
        for subscription in wanted["subscriptions"]:
            _, held_subscriptions = self._admin.ask("GET", f"{path}-partition-0/subscriptions")
            # Made before the first reader comes: from here on nothing unread expires.
            if subscription not in held_subscriptions:
                self._make(f"{path}/subscription/{subscription}", EARLIEST)

    def _make(self, path: str, body: Any) -> bool:
        status, _ = self._admin.ask("PUT", path, body)
        if status == NOT_FOUND:
            raise Refused(f"PUT {path}: what it belongs to is not there")
        if status != CONFLICT:
            self._say(f"{path}: made")
        return status != CONFLICT

    def _set(self, path: str, method: str, name: str, value: Any, held: Any) -> None:
        if value == held or (isinstance(value, list) and sorted(value) == sorted(held or [])):
            return
        status, answer = self._admin.ask(method, f"namespaces/{path}/{name}", value)
        if status not in FOUND:
            raise Refused(f"{method} {path}/{name}: {status} {answer}")
        self._say(f"{path}: {name} is {json.dumps(value)}")


def main(arguments: list[str]) -> int:
    """Apply one file; exit code 1 and a line where something is refused."""
    url, ca_file, token_file, wanted_file = arguments
    admin = Admin(url, ca_file=ca_file, token=Path(token_file).read_text(encoding="utf-8").strip())
    wanted = json.loads(Path(wanted_file).read_text(encoding="utf-8"))
    try:
        Wanted(admin, lambda line: sys.stdout.write(f"{line}\n")).apply(wanted)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

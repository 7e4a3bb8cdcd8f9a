"""Switch the limits and faults of a running local AWS, and ask what came of them."""

import http.client
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from infra.local.front.calls import CONTROL_PATH
from infra.local.front.faults import Fault
from pipeline.errors import OperatingError, UserError

ANSWER_SECONDS_MAX: Final = 10.0
_LOCAL: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True, kw_only=True)
class ShardWritten:
    """What a shard took and refused since the limits were switched on; bytes with partition keys.

    `seconds` are from its first record to its last one.
    """

    stream: str
    shard: str
    records: int
    bytes: int
    refused: int
    seconds: float


class Front:
    """The front of one local AWS.

    Every method raises UserError for an address that is no front, OperatingError if it does not
    answer.
    """

    def __init__(self, endpoint: str) -> None:
        """Take `LocalAws.endpoint`; nothing on AWS itself is ever asked."""
        address = urlsplit(endpoint)
        if address.hostname not in _LOCAL or address.port is None:
            raise UserError(f"{endpoint} is not a local AWS: it has neither limits nor faults")
        self._endpoint = endpoint
        self._address = address.hostname, address.port

    def limits(self, on: bool) -> None:
        """Keep AWS's rate limits from now on, or no more; sizes are always kept."""
        self._ask("PUT", "/limits", {"on": on})

    def inject(self, faults: Sequence[Fault]) -> None:
        """Make these faults from now on, in the place of all that were made before.

        Raises UserError for an operation that its service does not have.
        """
        for fault in faults:
            _check(fault)
        self._ask("PUT", "/faults", [asdict(fault) for fault in faults])

    def clear(self) -> None:
        """Make no faults any more; limits stay as they are."""
        self.inject(())

    def observed(self) -> dict[tuple[str, str, str], int]:
        """Return how many calls were hit since the start: (service, operation, kind) -> count.

        Kinds are those of `Fault`, "throttle" of the limits too, there counted by record, and
        "size" for what was too large.
        """
        counts = self._ask("GET", "")["counts"]
        return {(service, operation, kind): count for service, operation, kind, count in counts}

    def held(self) -> int:
        """Return how many calls a `hang` holds, or has let go and they are not over yet."""
        return int(self._ask("GET", "")["held"])

    def written(self) -> list[ShardWritten]:
        """Return what each shard took since the limits were switched on."""
        return [ShardWritten(**row) for row in self._ask("GET", "")["written"]]

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(*self._address, timeout=ANSWER_SECONDS_MAX)
        try:
            connection.request(method, CONTROL_PATH.decode() + path, json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise OperatingError(f"{self._endpoint} does not answer: {error}") from error
        finally:
            connection.close()
        try:
            said: dict[str, Any] = json.loads(content)
        except ValueError:
            said = {}
        if answer.status != 200 or "counts" not in said:
            why = said.get("error", "it is not the front of a local AWS")
            raise UserError(f"{self._endpoint} did not do it: {why}")
        return said


def _check(fault: Fault) -> None:
    """Raise UserError for a service or an operation that AWS does not have."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    try:
        model = Loader().load_service_model(fault.service, "service-2")
    except UnknownServiceError:
        raise UserError(f"unknown service {fault.service!r}: name one as boto3 does") from None
    if fault.operation and fault.operation not in model["operations"]:
        raise UserError(f"{fault.service} has no operation {fault.operation!r}")

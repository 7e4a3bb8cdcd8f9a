"""The capacity that DynamoDB's tables use, which the emulator works out and does not publish.

DynamoDB developer guide, "DynamoDB metrics and dimensions". `TransactionConflict` is not here: the
emulator does one request after the other, so that none conflicts.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from ministack.services import dynamodb

from infra.local.cloudwatch.counters import Counters

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]

READS: Final = ("get_item", "query", "scan", "batch_get_item", "transact_get_items")
WRITES: Final = (
    "put_item",
    "update_item",
    "delete_item",
    "batch_write_item",
    "transact_write_items",
)
_WANTED: Final = "ReturnConsumedCapacity"


def install(counted: Counters) -> None:
    """Count what each table's reads and writes use."""
    for operation in (*READS, *WRITES):
        metric = f"Consumed{'Read' if operation in READS else 'Write'}CapacityUnits"
        name = f"_{operation}"
        setattr(dynamodb, name, _counting(getattr(dynamodb, name), metric, counted))


def _counting(
    serve: Callable[[Request], Answer], metric: str, counted: Counters
) -> Callable[[Request], Answer]:
    """Return `serve`, asked for the capacity used, which the caller sees only if he asked too."""

    def counting(request: Request) -> Answer:
        asked = request.get(_WANTED, "NONE")
        if asked not in ("NONE", "TOTAL", "INDEXES"):
            return serve(request)
        status, headers, body = serve({**request, _WANTED: "TOTAL" if asked == "NONE" else asked})
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        used = answer.get("ConsumedCapacity", [])
        for table in used if isinstance(used, list) else [used]:
            dimension = "TableName", table["TableName"]
            units = table.get("CapacityUnits", 0.0), "Count"
            counted.observe("AWS/DynamoDB", dimension, {metric: units})
        if asked == "NONE" and used:
            del answer["ConsumedCapacity"]
            body = json.dumps(answer, ensure_ascii=False).encode()
        return status, headers, body

    return counting

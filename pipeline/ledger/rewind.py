"""Makes a ledger hold again what a copy of it from a backup holds, shard by shard.

DynamoDB restores a backup, or a point in time, into a new table only (DynamoDB developer guide,
"Restoring a table from a backup"), so what is in it is put back from there. Nobody else may be at
work on the ledger (T21). What is equal already is not written: a second run ends what a first one
began.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError, OutcomeUnknown, UserError
from pipeline.ledger.claims import PARTITION as CLAIMS
from pipeline.ledger.dynamodb import REGISTRY, is_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestTypeDef

    Item = dict[str, AttributeValueTypeDef]

WRITES_AT_ONCE: Final = 25
"""DynamoDB API reference, "BatchWriteItem"."""

TRIES_MAX: Final = 8
"""Times that what a batch left unprocessed is sent again, with doubling pauses from 50 ms on."""

Change = tuple[Literal["put", "delete"], "Item"]


class Rewind:
    """A ledger's `table`, and the table `source` that a backup of it was restored to."""

    def __init__(
        self,
        client: "DynamoDBClient",
        *,
        table: str,
        source: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._source = source
        self._pause = pause

    def check(self) -> None:
        """Raise UserError unless the source is another table of a ledger's shape."""
        if self._source == self._table:
            raise UserError(f"{self._table} is the ledger itself; name the restored copy of it")
        try:
            table = self._client.describe_table(TableName=self._source)["Table"]
        except (BotoCoreError, ClientError) as error:
            if is_code(error, "ResourceNotFoundException"):
                raise UserError(
                    f"there is no table {self._source}; restore one by --backup or --at"
                ) from None
            raise OperatingError(f"cannot describe {self._source}: {error}") from error
        if [key["AttributeName"] for key in table["KeySchema"]] != ["pk", "sk"]:
            raise UserError(f"{self._source} is no ledger: its keys are not pk and sk")

    def shared(self) -> tuple[ShardId, ...]:
        """Put back which shards there are, and claims that are gone; return the copy's shards.

        A claim that is there stays as it is: it knows of replays since, which the lake has.
        """
        registered = list(self._items(self._source, REGISTRY))
        self._write(("put", item) for item in registered)
        claims = self._differences(CLAIMS)
        self._write(
            change for change in claims if change[0] == "put" and self._is_absent(change[1])
        )
        return tuple(ShardId(item["sk"]["S"]) for item in registered)

    def shard(self, shard: ShardId) -> int:
        """Make a shard's head and commits those of the copy; return how many items changed.

        What the copy lacks is deleted: a commit that its journal knows is put back from there.
        """
        return self._write(self._differences(f"shard#{shard}"))

    def _differences(self, pk: str) -> Iterator[Change]:
        """Yield what makes one partition that of the copy: both are read in their order, once."""
        wanted, there = self._items(self._source, pk), self._items(self._table, pk)
        want, have = next(wanted, None), next(there, None)
        while want is not None or have is not None:
            wants = want["sk"]["S"] if want else "\U0010ffff"
            has = have["sk"]["S"] if have else "\U0010ffff"
            if have and has < wants:
                yield "delete", {"pk": have["pk"], "sk": have["sk"]}
                have = next(there, None)
                continue
            if want and want != have:
                yield "put", want
            want = next(wanted, None)
            have = next(there, None) if has == wants else have

    def _items(self, table: str, pk: str) -> "Iterator[Item]":
        pages = self._client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        try:
            for page in pages:
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read {pk} of {table}: {error}") from error

    def _is_absent(self, item: "Item") -> bool:
        key = {"pk": item["pk"], "sk": item["sk"]}
        try:
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read {self._table}: {error}") from error
        return "Item" not in answer

    def _write(self, changes: Iterator[Change]) -> int:
        """Write changes in batches; return how many. Raises OutcomeUnknown."""
        written = 0
        while chunk := list(islice(changes, WRITES_AT_ONCE)):
            self._write_batch([_request(change) for change in chunk])
            written += len(chunk)
        return written

    def _write_batch(self, requests: "list[WriteRequestTypeDef]") -> None:
        left = requests
        for attempt in range(TRIES_MAX):
            try:
                answer = self._client.batch_write_item(RequestItems={self._table: left})
            except (BotoCoreError, ClientError) as error:
                raise OutcomeUnknown(f"cannot write {self._table}: {error}") from error
            left = list(answer["UnprocessedItems"].get(self._table, []))  # type: ignore[arg-type]
            if not left:
                return
            self._pause(0.05 * 2**attempt)
        raise OutcomeUnknown(f"{self._table} takes no more writes: it is throttled")


def _request(change: Change) -> "WriteRequestTypeDef":
    verb, item = change
    return {"PutRequest": {"Item": item}} if verb == "put" else {"DeleteRequest": {"Key": item}}

"""The ledger in one DynamoDB table: a head and its commits under the shard's partition key.

    pk              sk                     item
    shard#<shard>   head                   the head
    shard#<shard>   commit#<position>      one commit, position padded with zeros to sort
    shards          <shard>                the shard has a head (so that heads are found by a query)

Positions have 56 digits and more, DynamoDB's numbers hold 38: they are strings. `expires_s` is the
time to live of a commit, longer than the backups reach back, for a late reader filters by time too
(T26); heads have none.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError, OutcomeUnknown, Refused
from pipeline.ledger.items import (
    commit_from_item,
    commit_to_item,
    head_from_item,
    head_to_item,
    padded,
    ref_to_text,
)
from pipeline.ledger.state import Advance, Commit, CommitRef, Head

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

REGISTRY: Final = "shards"
ARRIVAL_DISORDER_MS: Final = 60_000
"""How much later an older commit's arrival may be: a shard orders positions, not clocks."""


class DynamoLedger:
    """Heads and commits in DynamoDB, every read strongly consistent.

    The client comes with time-outs and bounded retries (`pipeline.environment`). A retry of the SDK
    may meet its own effect: the item is read back, and one's own token there means success (T28).
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read_head(self, shard: ShardId, /) -> Head | None:
        """Return the head, None for a shard without one.

        Raises OperatingError, not retryable for an item that somebody else has written.
        """
        item = self._read(f"shard#{shard}", "head")
        try:
            return head_from_item(item) if item is not None else None
        except (KeyError, ValueError, TypeError) as error:
            raise OperatingError(
                f"the head is not as we write it ({error!r}); see runbooks/restore-the-ledger.md",
                shard=shard,
                retryable=False,
            ) from error

    def write_head(self, head: Head, *, unchanged_since: str | None) -> None:
        """Replace the head if its revision is still this one. Raises Refused, OutcomeUnknown."""
        item = head_to_item(head)
        try:
            if unchanged_since is None:
                registered: Item = {"pk": {"S": REGISTRY}, "sk": {"S": head.shard}}
                self._client.put_item(TableName=self._table, Item=registered)
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
            else:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="revision = :revision",
                    ExpressionAttributeValues={":revision": {"S": unchanged_since}},
                )
        except (BotoCoreError, ClientError) as error:
            if not is_code(error, "ConditionalCheckFailedException"):
                raise unknown("write the head", head.shard, error) from error
            now = self.read_head(head.shard)
            if now is None or now.revision != head.revision:
                raise Refused("the head has changed since it was read", shard=head.shard) from error

    def commit(self, commit: Commit, advance: Advance, /) -> None:
        """Advance the head and add the commit, both or neither, if the fence holds.

        The attempt's token is the request's token, so that a retry is the same transaction. Raises
        Refused; OutcomeUnknown for no answer, a conflict, a throttle, one in progress (T29).
        """
        key = {"pk": {"S": f"shard#{commit.shard}"}, "sk": {"S": "head"}}
        values, names_set, names_removed = advance_expression(commit, advance)
        try:
            self._client.transact_write_items(
                ClientRequestToken=advance.fence,
                TransactItems=[
                    {
                        "Update": {
                            "TableName": self._table,
                            "Key": key,
                            "UpdateExpression": f"SET {names_set} REMOVE {names_removed}",
                            "ConditionExpression": "fence = :fence AND attribute_exists(opened)",
                            "ExpressionAttributeValues": values,
                        }
                    },
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": commit_to_item(commit),
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                ],
            )
        except (BotoCoreError, ClientError) as error:
            self._judge(commit, error)

    def _judge(self, commit: Commit, error: BotoCoreError | ClientError) -> None:
        """Return if the commit is there after all; else raise what a failed transaction means."""
        if "ConditionalCheckFailed" not in cancellation_codes(error):
            raise unknown("commit", commit.shard, error) from error
        head = self.read_head(commit.shard)
        if head is None or head.last_commit != commit.ref:
            raise Refused("the fence is lost", shard=commit.shard, position=commit.first) from error

    def put_back(self, commit: Commit, /) -> None:
        """Write a commit that a restored ledger lacks. Raises OutcomeUnknown."""
        try:
            self._client.put_item(TableName=self._table, Item=commit_to_item(commit))
        except (BotoCoreError, ClientError) as error:
            raise unknown("put a commit back", commit.shard, error) from error

    def mark_published(self, shard: ShardId, ref: CommitRef, *, revision: str, now_ms: int) -> None:
        """Clear `unpublished` if it names this commit. Raises OutcomeUnknown."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"shard#{shard}"}, "sk": {"S": "head"}},
                UpdateExpression="SET revision = :revision, changed_ms = :now REMOVE unpublished",
                ConditionExpression="unpublished = :ref",
                ExpressionAttributeValues={
                    ":revision": {"S": revision},
                    ":now": {"N": str(now_ms)},
                    ":ref": {"S": ref_to_text(ref)},
                },
            )
        except (BotoCoreError, ClientError) as error:
            if not is_code(error, "ConditionalCheckFailedException"):
                raise unknown("mark a commit as published", shard, error) from error

    def read_commit(self, shard: ShardId, first: Position, /) -> Commit | None:
        """Return the commit that starts at a position. Raises OperatingError."""
        item = self._read(f"shard#{shard}", f"commit#{padded(first)}")
        return commit_from_item(item) if item is not None else None

    def commits_since(self, shard: ShardId, *, arrival_ms: int) -> tuple[Commit, ...]:
        """Return the shard's commits with an arrival at or after a time, in order."""
        found: list[Commit] = []
        for item in self._query(f"shard#{shard}", "commit#", newest_first=True):
            commit = commit_from_item(item)
            if commit.arrival_ms_max < arrival_ms - ARRIVAL_DISORDER_MS:
                break
            if commit.arrival_ms_max >= arrival_ms:
                found.append(commit)
        return tuple(reversed(found))

    def shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a head."""
        return tuple(ShardId(item["sk"]["S"]) for item in self._query(REGISTRY, ""))

    def _read(self, pk: str, sk: str) -> "Item | None":
        try:
            answer = self._client.get_item(
                TableName=self._table,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                ConsistentRead=True,
            )
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read the ledger's {pk} {sk}: {error}") from error
        return answer.get("Item")

    def _query(self, pk: str, sk_prefix: str, *, newest_first: bool = False) -> "Iterator[Item]":
        condition = "pk = :pk AND begins_with(sk, :sk)" if sk_prefix else "pk = :pk"
        values: Item = {":pk": {"S": pk}}
        if sk_prefix:
            values[":sk"] = {"S": sk_prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
        )
        try:
            for page in pages:
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot query the ledger's {pk}: {error}") from error


def advance_expression(commit: Commit, advance: Advance) -> "tuple[Item, str, str]":
    """Return values, SET and REMOVE clauses that move a head past a commit."""
    values: Item = {
        ":fence": {"S": advance.fence},
        ":committed": {"S": padded(commit.last)},
        ":last_commit": {"S": ref_to_text(commit.ref)},
        ":masks": {"N": str(advance.masks_in_a_row)},
        ":settled": {"N": str(advance.settled_ms)},
        ":revision": {"S": advance.revision},
        ":changed": {"N": str(advance.changed_ms)},
    }
    assigned = [
        "committed = :committed",
        "last_commit = :last_commit",
        "unpublished = :last_commit",
        "masks_in_a_row = :masks",
        "settled_ms = :settled",
        "revision = :revision",
        "changed_ms = :changed",
    ]
    removed = ["opened"]
    if advance.limit is None or advance.suspect_last is None:
        removed += ["records_limit", "suspect_last"]
    else:
        values[":limit"] = {"N": str(advance.limit)}
        values[":suspect"] = {"S": padded(advance.suspect_last)}
        assigned += ["records_limit = :limit", "suspect_last = :suspect"]
    return values, ", ".join(assigned), ", ".join(removed)


def is_code(error: BotoCoreError | ClientError, code: str) -> bool:
    """Return whether DynamoDB answered with an error of this code."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == code


def cancellation_codes(error: BotoCoreError | ClientError) -> tuple[str, ...]:
    """Return the codes of a cancelled transaction, one an item, empty for any other trouble."""
    if not isinstance(error, ClientError) or not is_code(error, "TransactionCanceledException"):
        return ()
    return tuple(reason.get("Code", "None") for reason in error.response["CancellationReasons"])


def unknown(what: str, shard: ShardId, error: Exception) -> OutcomeUnknown:
    """Return the error for an effect that may or may not have happened (T29)."""
    return OutcomeUnknown(f"no certain answer to: {what}: {error}", shard=shard)

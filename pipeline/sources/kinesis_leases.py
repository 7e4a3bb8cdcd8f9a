"""Which worker reads which shard: leases in the ledger's table, shared out fairly.

    pk        sk          item
    workers   <worker>    a beat: a random text that a living worker replaces every few seconds
    leases    <shard>     owner; ended: it has read the shard to its end

A worker whose beat did not change for `LEASE_SECONDS` of the observer's own monotonic clock is
gone, and its leases are free: no two processes' clocks are compared. Leases only spare work. Who
reads a shard without one loses to the fence (protocol.md, 2).
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.dynamodb import is_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

WORKERS: Final = "workers"
LEASES: Final = "leases"
LEASE_SECONDS: Final = 10.0
BEAT_KEPT_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who reads a shard, and whether it came to the shard's end."""

    owner: str
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a worker should take and give, so that all have the same or one more."""

    take: tuple[ShardId, ...] = ()
    give: tuple[ShardId, ...] = ()


def fair_share(
    worker: str,
    *,
    shards: Collection[ShardId],
    workers: Collection[str],
    owners: Mapping[ShardId, str],
) -> Share:
    """Return what a worker should take and give; `owners` are those of living workers' leases.

    Workers in order of their names get the odd shards, so that all reckon alike.
    """
    ranked = sorted({*workers, worker})
    each, odd = divmod(len(shards), len(ranked))
    mine = sorted(shard for shard in shards if owners.get(shard) == worker)
    share = each + (ranked.index(worker) < odd)
    free = sorted(shard for shard in shards if shard not in owners)
    return Share(take=tuple(free[: max(0, share - len(mine))]), give=tuple(mine[share:]))


class LeaseTable:
    """Leases and beats in DynamoDB. Every method raises OperatingError when it gets no answer."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        worker: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table = table
        self._worker = worker
        self._monotonic = monotonic
        self._seen: dict[str, tuple[str, float]] = {}

    def beat(self) -> None:
        """Show that this worker lives."""
        expires_s = int(time.time()) + BEAT_KEPT_SECONDS
        self._put(
            {
                "pk": {"S": WORKERS},
                "sk": {"S": self._worker},
                "beat": {"S": secrets.token_hex(8)},
                "expires_s": {"N": str(expires_s)},
            }
        )

    def living(self) -> frozenset[str]:
        """Return the workers whose beat changed lately; who is seen for the first time counts."""
        now = self._monotonic()
        beats = {item["sk"]["S"]: item["beat"]["S"] for item in self._query(WORKERS)}
        self._seen = {
            worker: self._seen[worker]
            if worker in self._seen and self._seen[worker][0] == beat
            else (beat, now)
            for worker, beat in beats.items()
        }
        return frozenset(
            worker for worker, (_, since) in self._seen.items() if now - since < LEASE_SECONDS
        )

    def leases(self) -> Mapping[ShardId, Lease]:
        """Return every lease, of the dead too."""
        return {
            ShardId(item["sk"]["S"]): Lease(owner=item["owner"]["S"], ended="ended" in item)
            for item in self._query(LEASES)
        }

    def take(self, shard: ShardId, *, before: Lease | None) -> bool:
        """Take a lease that is free, or a dead worker's; return whether nobody was quicker."""
        item: Item = {
            "pk": {"S": LEASES},
            "sk": {"S": shard},
            "owner": {"S": self._worker},
        }
        if before is None:
            return self._put(item, condition="attribute_not_exists(pk)")
        values: Item = {":before": {"S": before.owner}}
        return self._put(item, condition="#owner = :before", values=values)

    def end(self, shard: ShardId) -> None:
        """Note that a shard was read to its end: its children may be read."""
        item: Item = {
            "pk": {"S": LEASES},
            "sk": {"S": shard},
            "owner": {"S": self._worker},
            "ended": {"BOOL": True},
        }
        self._put(item, condition="#owner = :me", values={":me": {"S": self._worker}})

    def release(self, shard: ShardId) -> None:
        """Give a lease back, if it is still ours."""
        self._delete(LEASES, shard, condition="#owner = :me")

    def leave(self) -> None:
        """Beat no more."""
        self._delete(WORKERS, self._worker, condition=None)

    def _put(self, item: "Item", *, condition: str = "", values: "Item | None" = None) -> bool:
        """Put an item, and return whether its condition held."""
        more = {"ConditionExpression": condition} if condition else {}
        named = {"ExpressionAttributeNames": {"#owner": "owner"}} if values else {}
        valued = {"ExpressionAttributeValues": values} if values else {}
        try:
            self._client.put_item(TableName=self._table, Item=item, **more, **named, **valued)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            if is_code(error, "ConditionalCheckFailedException"):
                return False
            raise OperatingError(f"cannot write the lease {item['sk']}: {error}") from error
        return True

    def _delete(self, pk: str, sk: str, *, condition: str | None) -> None:
        key: Item = {"pk": {"S": pk}, "sk": {"S": sk}}
        try:
            if condition is None:
                self._client.delete_item(TableName=self._table, Key=key)
            else:
                self._client.delete_item(
                    TableName=self._table,
                    Key=key,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":me": {"S": self._worker}},
                )
        except (BotoCoreError, ClientError) as error:
            if not is_code(error, "ConditionalCheckFailedException"):
                raise OperatingError(f"cannot release {pk} {sk}: {error}") from error

    def _query(self, pk: str) -> "list[Item]":
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        try:
            return [item for page in pages for item in page["Items"]]
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot query the ledger's {pk}: {error}") from error

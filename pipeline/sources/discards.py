"""Batches that the mapping gave up, kept with their payload by its on-failure destination on S3."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.names import ON_FAILURE_PREFIX
from pipeline.sources.lambda_event import record_from_entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Discards:
    """On-failure objects, `aws/lambda/<mapping>/<shard>/<date>/...` (Lambda developer guide).

    Delivery: each discarded batch once, with its whole invocation record.
    Order: by position within an object.
    Resume: by position: an object says which sequence numbers it holds.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def between(
        self, shard: ShardId, *, after: Position | None, before: Position
    ) -> tuple[tuple[Record, ...], ...]:
        """Return the discarded batches that lie between two positions. Raises OperatingError."""
        try:
            found = [
                batch
                for key in self._keys(shard)
                if (batch := self._batch(shard, key))
                and batch[0].position < before
                and (after is None or batch[-1].position > after)
            ]
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot read on-failure objects: {error}", shard=shard) from error
        return tuple(found)

    def _keys(self, shard: ShardId) -> Iterator[str]:
        """Yield the keys of a shard's objects, whichever mapping wrote them."""
        paginator = self._client.get_paginator("list_objects_v2")
        mappings = paginator.paginate(Bucket=self._bucket, Prefix=ON_FAILURE_PREFIX, Delimiter="/")
        for page in mappings:
            for mapping in page.get("CommonPrefixes", []):
                prefix = f"{mapping['Prefix']}{shard}/"
                for objects in paginator.paginate(Bucket=self._bucket, Prefix=prefix):
                    yield from (entry["Key"] for entry in objects.get("Contents", []))

    def _batch(self, shard: ShardId, key: str) -> tuple[Record, ...]:
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        try:
            return records_of_invocation(json.loads(body))
        except (KeyError, TypeError, ValueError) as error:
            raise OperatingError(
                f"s3://{self._bucket}/{key} is no on-failure object: {error!r}",
                shard=shard,
                retryable=False,
            ) from error


def records_of_invocation(document: Mapping[str, Any]) -> tuple[Record, ...]:
    """Return the records of an invocation record; its `payload` is the event as JSON text."""
    payload = json.loads(document["payload"])
    records = (record_from_entry(entry["kinesis"]) for entry in payload["Records"])
    return tuple(sorted(records, key=lambda record: record.position))

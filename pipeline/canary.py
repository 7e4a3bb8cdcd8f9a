"""The canary: an event of the pipeline's own, sent once a minute and found again in the lake."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.contracts import CANARIES
from pipeline.core.catalog import Catalog
from pipeline.core.units import HOUR_MS
from pipeline.errors import OperatingError
from pipeline.names import CANARY_TABLE, hour_prefix

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

PRODUCER: Final = "probe"
NEWEST_FILES: Final = 4
"""Files that are opened: of two shards the younger file may hold the older canary."""


def with_canaries(catalog: Catalog) -> Catalog:
    """Return the domain's catalog with the canary's contract behind its own.

    Raises:
        UserError: the domain has a table of that name.
    """
    return replace(catalog, contracts=(*catalog.contracts, CANARIES))


def canary(now_ms: int) -> tuple[str, bytes]:
    """Return a canary's id, its partition key too, and its bytes: the same for the same time.

    So that a canary that is sent again is a copy, as of any event.
    """
    event_id = f"canary-{now_ms}"
    event = {
        "type": CANARY_TABLE,
        "id": event_id,
        "producer": PRODUCER,
        "sequence": now_ms,
        "event_time": now_ms,
    }
    return event_id, json.dumps(event, separators=(",", ":")).encode()


def send_canary(client: "KinesisClient", stream: str, *, now_ms: int) -> str:
    """Put a canary on the stream, on a shard that its id chooses, and return the id.

    Raises:
        OperatingError: the stream does not take it.
    """
    event_id, data = canary(now_ms)
    try:
        client.put_record(StreamName=stream, PartitionKey=event_id, Data=data)
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"cannot put a canary on {stream}: {error}") from error
    return event_id


def newest_canary_ms(client: "S3Client", bucket: str, *, now_ms: int) -> int | None:
    """Return when the newest canary in the lake was sent, None if this hour and the last have none.

    Lists two hours of one small table and opens the files that were written last.

    Raises:
        OperatingError: the lake cannot be read.
    """
    try:
        found = sorted(_written(client, bucket, now_ms), reverse=True)
        sent = [_newest_of(client, bucket, key) for _, key in found[:NEWEST_FILES]]
    except (BotoCoreError, ClientError, OSError) as error:
        raise OperatingError(f"cannot look for canaries in {bucket}: {error}") from error
    return max(sent, default=None)


def _written(client: "S3Client", bucket: str, now_ms: int) -> Iterator[tuple[datetime, str]]:
    """Yield when each file of this hour and the last was written, and its key."""
    pages = client.get_paginator("list_objects_v2")
    for hour_ms in (now_ms, now_ms - HOUR_MS):
        at = datetime.fromtimestamp(hour_ms / 1_000, UTC)
        prefix = hour_prefix(table=CANARY_TABLE, date=f"{at:%Y-%m-%d}", hour=at.hour)
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            yield from ((each["LastModified"], each["Key"]) for each in page.get("Contents", ()))


def _newest_of(client: "S3Client", bucket: str, key: str) -> int:
    body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    times = pq.read_table(io.BytesIO(body), columns=[CANARIES.event_time_field]).column(0)
    return max(int(at.timestamp() * 1_000) for at in times.to_pylist())

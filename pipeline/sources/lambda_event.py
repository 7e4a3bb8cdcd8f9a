"""A function's Kinesis event as records (Lambda developer guide, "services-kinesis-create")."""

import base64
from collections.abc import Mapping
from typing import Any

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import BrokenInvariant


def records_by_shard(event: Mapping[str, Any]) -> tuple[ShardId, tuple[Record, ...]]:
    """Return the shard of an event and its records in order.

    Delivery: at least once, with any boundaries (T3).
    Order: by sequence number; an event holds records of one shard only.
    Resume: the mapping's; the function answers with the first sequence number to deliver again.

    Raises BrokenInvariant for an event of several shards or none: the mapping never sends it.
    """
    entries = event["Records"]
    shards = {ShardId(entry["eventID"].partition(":")[0]) for entry in entries}
    if len(shards) != 1:
        raise BrokenInvariant(f"an event of {len(shards)} shards: a mapping sends one at a time")
    records = (record_from_entry(entry["kinesis"]) for entry in entries)
    return shards.pop(), tuple(sorted(records, key=lambda record: record.position))


def record_from_entry(entry: Mapping[str, Any]) -> Record:
    """Return one record of an event; its data is base64 and its time in seconds."""
    return Record(
        position=Position(int(entry["sequenceNumber"])),
        partition_key=entry["partitionKey"],
        arrival_ms=round(entry["approximateArrivalTimestamp"] * 1000),
        data=base64.b64decode(entry["data"], validate=True),
    )

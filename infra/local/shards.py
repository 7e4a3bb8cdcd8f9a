"""Shards of one stream as AWS keeps them: splitting, merging, reading on, expiring.

They work on ministack's own record of a stream (a dictionary). A shard of a split or merge adds
`opened_at`, a closed one `closed_at` (seconds since the epoch) and `ending_sequence_number`.
"""

import base64
import json
import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

Shard = dict[str, Any]
Stream = dict[str, Any]
NewSequence = Callable[[], str]

READ_BYTES_MAX = 10 * 1024 * 1024
READ_RECORDS_MAX = 10_000
"""GetRecords returns up to 10 MB or 10,000 records (Kinesis API reference, "GetRecords")."""
_SEQUENCE_BASE = 49 * 10**54
_SEQUENCE_PER_MS = 10**20
_SEQUENCE_STEP = 17
"""Sequence numbers of a shard grow and leave gaps."""


def sequence_after(last: int) -> int:
    """Return the number to give after `last`: of 56 digits as AWS's, and never a smaller one."""
    return max(last + _SEQUENCE_STEP, _SEQUENCE_BASE + int(time.time() * 1000) * _SEQUENCE_PER_MS)


def arrival(record: Shard) -> float:
    """Return when a record arrived, in seconds since the epoch."""
    return float(record["ApproximateArrivalTimestamp"])


def data_bytes(record: Shard) -> int:
    """Return the size of a record's data, which is in base64, without decoding it."""
    data = str(record.get("Data", ""))
    return len(data) * 3 // 4 - data[-2:].count("=")


def sequence(record: Shard) -> int:
    """Return a record's sequence number."""
    return int(record["SequenceNumber"])


def iterator(stream_arn: str, shard_id: str, after: int) -> str:
    """Return an opaque iterator; numbers over 2^53 are kept as text."""
    position = [stream_arn, shard_id, str(after), time.time()]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def read_iterator(opaque: str) -> tuple[str, str, int, float]:
    """Return an iterator's stream (ARN), shard, the number before it, and when it was given.

    Raises KeyError, TypeError or ValueError for what is no iterator of ours.
    """
    stream_arn, shard_id, after, given = json.loads(base64.urlsafe_b64decode(opaque))
    return stream_arn, shard_id, int(after), given


def starting_hash_key(shard: Shard) -> int:
    """Return where a shard's range of hash keys begins."""
    return int(shard["starting_hash_key"])


def ending_hash_key(shard: Shard) -> int:
    """Return the last hash key of a shard's range."""
    return int(shard["ending_hash_key"])


def is_closed(shard: Shard) -> bool:
    """Return whether the shard was split or merged: it can be read and no longer written."""
    return "closed_at" in shard


def open_shards(stream: Stream) -> dict[str, Shard]:
    """Return the shards that take records, by id, in the order of their hash keys."""
    ordered = sorted(stream["shards"].items(), key=lambda item: starting_hash_key(item[1]))
    return {shard_id: shard for shard_id, shard in ordered if not is_closed(shard)}


def expire(stream: Stream) -> None:
    """Drop what is older than the retention period, and closed shards with nothing left to read."""
    horizon = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in list(stream["shards"].items()):
        del shard["records"][: bisect_left(shard["records"], horizon, key=arrival)]
        if shard.get("closed_at", math.inf) < horizon:
            del stream["shards"][shard_id]


def split(stream: Stream, shard_id: str, at: int, new_sequence: NewSequence) -> None:
    """Close a shard and open two over its range, the second one from hash key `at` on."""
    parent = stream["shards"][shard_id]
    _close(parent, new_sequence())
    ranges = ((starting_hash_key(parent), at - 1), (at, ending_hash_key(parent)))
    for low, high in ranges:
        _add(stream, (low, high), (shard_id, None), new_sequence())


def merge(stream: Stream, one: str, other: str, new_sequence: NewSequence) -> str:
    """Close two adjacent shards, open one over both ranges and return its id."""
    parents = [stream["shards"][one], stream["shards"][other]]
    for parent in parents:
        _close(parent, new_sequence())
    low, high = min(map(starting_hash_key, parents)), max(map(ending_hash_key, parents))
    return _add(stream, (low, high), (one, other), new_sequence())


def resize(stream: Stream, ranges: list[tuple[int, int]], new_sequence: NewSequence) -> None:
    """Split at each boundary that falls inside an open shard, then merge what each range holds."""
    for low, _ in ranges:
        for shard_id, shard in open_shards(stream).items():
            if starting_hash_key(shard) < low <= ending_hash_key(shard):
                split(stream, shard_id, low, new_sequence)
    for low, high in ranges:
        kept, *others = [
            shard_id
            for shard_id, shard in open_shards(stream).items()
            if low <= starting_hash_key(shard) <= high
        ]
        for other in others:
            kept = merge(stream, kept, other, new_sequence)


def read(shard: Shard, after: int, limit: int) -> tuple[list[Shard], Shard | None]:
    """Return the records after a number, within GetRecords' limits, and the next unread one."""
    records = shard["records"]
    first = end = bisect_right(records, after, key=sequence)
    room = READ_BYTES_MAX
    while end < len(records) and end - first < min(limit, READ_RECORDS_MAX):
        room -= len(records[end]["Data"]) * 3 // 4
        if room < 0 and end > first:
            break
        end += 1
    return records[first:end], records[end] if end < len(records) else None


def starting_after(shard: Shard, request: dict[str, Any], tip: int) -> int:
    """Return the sequence number after which an iterator of this request begins to read.

    `tip` is a number above all that were given. Raises KeyError, TypeError or ValueError for a
    request that names no position.
    """
    kind = request["ShardIteratorType"]
    if kind == "TRIM_HORIZON":
        return 0
    if kind == "LATEST":
        return tip
    if kind == "AT_TIMESTAMP":
        older = bisect_left(shard["records"], float(request["Timestamp"]), key=arrival)
        return sequence(shard["records"][older - 1]) if older else 0
    number = int(request["StartingSequenceNumber"])
    return {"AT_SEQUENCE_NUMBER": number - 1, "AFTER_SEQUENCE_NUMBER": number}[kind]


def children(stream: Stream, shard_id: str) -> list[dict[str, Any]]:
    """Return the shards that took over this one's keys, as GetRecords reports them."""
    return [
        {
            "ShardId": child_id,
            "ParentShards": parents,
            "HashKeyRange": {
                "StartingHashKey": child["starting_hash_key"],
                "EndingHashKey": child["ending_hash_key"],
            },
        }
        for child_id, child in stream["shards"].items()
        if shard_id in (parents := _parents(child))
    ]


def filtered(stream: Stream, shard_filter: dict[str, Any]) -> list[str]:
    """Return the ids that ListShards' filter asks for (Kinesis API reference, "ShardFilter")."""
    shards: dict[str, Shard] = stream["shards"]
    kind = shard_filter.get("Type", "FROM_TRIM_HORIZON")
    at = float(shard_filter.get("Timestamp", 0))
    keep: dict[str, Callable[[str, Shard], bool]] = {
        "FROM_TRIM_HORIZON": lambda _id, _shard: True,
        "AT_TRIM_HORIZON": lambda _id, shard: not any(i in shards for i in _parents(shard)),
        "AT_LATEST": lambda _id, shard: not is_closed(shard),
        "AFTER_SHARD_ID": lambda shard_id, _shard: shard_id > shard_filter["ShardId"],
        "AT_TIMESTAMP": lambda _id, shard: (
            shard.get("opened_at", 0.0) <= at < shard.get("closed_at", math.inf)
        ),
        "FROM_TIMESTAMP": lambda _id, shard: shard.get("closed_at", math.inf) >= at,
    }
    return sorted(shard_id for shard_id, shard in shards.items() if keep[kind](shard_id, shard))


def _parents(shard: Shard) -> list[str]:
    return [i for i in (shard["parent_shard_id"], shard["adjacent_parent_shard_id"]) if i]


def _close(shard: Shard, ending_sequence_number: str) -> None:
    shard["ending_sequence_number"] = ending_sequence_number
    shard["closed_at"] = time.time()


def _add(
    stream: Stream, keys: tuple[int, int], parents: tuple[str, str | None], starting: str
) -> str:
    shard_id = f"shardId-{max(int(i.split('-')[1]) for i in stream['shards']) + 1:012d}"
    stream["shards"][shard_id] = {
        "records": [],
        "starting_hash_key": str(keys[0]),
        "ending_hash_key": str(keys[1]),
        "starting_sequence_number": starting,
        "opened_at": time.time(),
        "parent_shard_id": parents[0],
        "adjacent_parent_shard_id": parents[1],
    }
    return shard_id

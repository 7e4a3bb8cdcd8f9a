"""Kinesis operations of the pinned ministack, replaced where they are not AWS's.

What ministack 1.5.33 does instead (its `services/kinesis.py`; facts.md, 1): a split or a merge
deletes the parents with their unread records, UpdateShardCount rebuilds every shard empty, an
iterator is a position in a list that shifts when old records expire, and sequence numbers begin
with zeros. Each replacement says what AWS does; `install` puts it where ministack looks its own up.
Enhanced fan-out is left alone: a subscription to a closed shard does not see its end.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from ministack.services import kinesis

from infra.local import shards

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

ON_DEMAND_SHARDS = 4
"""A new on-demand stream has four shards (Kinesis developer guide, "Choose the right mode")."""
ITERATOR_SECONDS = 300.0
"""An iterator expires five minutes after it was given (API reference, "GetShardIterator")."""

observers: list[Callable[[str, Sequence[Request], int], None]] = []
"""Told of every read: the stream's name, the records, and how many ms it is behind the tip."""

RECORD_BYTES_MAX = 1024 * 1024
"""Data and partition key of a stream with the default MaxRecordSizeInKiB, 1,024. It goes up to
10,240 (developer guide, "Handle large records"); ministack has no stream with more than that."""

_last = {"sequence": 0}
_put_record = kinesis._put_record
_put_records = kinesis._put_records
_create_stream = kinesis._create_stream
_describe_stream_summary = kinesis._describe_stream_summary
_shard_out = kinesis._shard_out


def next_sequence_number() -> str:
    """Return the next number of the whole emulator, under ministack's own lock."""
    with kinesis._sequence_lock:
        number = _last["sequence"] = shards.sequence_after(_last["sequence"])
    return str(number)


def create_stream(data: Request) -> Answer:
    """Create a stream; an on-demand one starts with four shards."""
    if data.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        data = {**data, "ShardCount": ON_DEMAND_SHARDS}
    answer: Answer = _create_stream(data)
    return answer


def put_record(data: Request) -> Answer:
    """Put a record unless it is too large, its partition key counted."""
    answer: Answer = _too_large([data]) or _put_record(data)
    return answer


def put_records(data: Request) -> Answer:
    """Put records unless one is too large, its partition key counted."""
    answer: Answer = _too_large(data.get("Records", [])) or _put_records(data)
    return answer


def route_to_shard(hash_key: int, stream: shards.Stream) -> str:
    """Return the open shard whose range holds the key: a closed shard takes no records."""
    candidates: dict[str, shards.Shard] = stream["shards"]
    return next(
        shard_id
        for shard_id, shard in candidates.items()
        if not shards.is_closed(shard)
        and shards.starting_hash_key(shard) <= hash_key <= shards.ending_hash_key(shard)
    )


def shard_out(shard_id: str, shard: shards.Shard) -> dict[str, Any]:
    """Describe a shard; a closed one has an ending sequence number."""
    described: dict[str, Any] = _shard_out(shard_id, shard)
    if shards.is_closed(shard):
        ending = shard["ending_sequence_number"]
        described["SequenceNumberRange"]["EndingSequenceNumber"] = ending
    return described


def describe_stream_summary(data: Request) -> Answer:
    """Summarize a stream; only open shards count."""
    status, headers, body = _describe_stream_summary(data)
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    _, stream = kinesis._resolve_stream(data)
    answer["StreamDescriptionSummary"]["OpenShardCount"] = len(shards.open_shards(stream))
    return _ok(answer)


def list_shards(data: Request) -> Answer:
    """List shards, closed ones included, by AWS's shard filters."""
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _error("ResourceNotFoundException", f"Stream {name} not found")
    after = data.get("ExclusiveStartShardId") or ""
    if token := data.get("NextToken"):
        after, problem = kinesis._decode_list_shards_token(token)
        if problem:
            return _error(problem, "NextToken has expired or is not one that ListShards gave")
    shards.expire(stream)
    listed = [i for i in shards.filtered(stream, data.get("ShardFilter") or {}) if i > after]
    page = listed[: data.get("MaxResults", 1000)]
    answer: dict[str, Any] = {"Shards": [shard_out(i, stream["shards"][i]) for i in page]}
    if len(page) < len(listed):
        answer["NextToken"] = kinesis._encode_list_shards_token(page[-1])
    return _ok(answer)


def split_shard(data: Request) -> Answer:
    """Close a shard and open two over its range; what it holds stays readable."""
    stream, problem = _reshardable(data, "ShardToSplit")
    if problem:
        return problem
    shard_id, at = data["ShardToSplit"], int(data.get("NewStartingHashKey") or -1)
    shard = stream["shards"][shard_id]
    if not shards.starting_hash_key(shard) < at <= shards.ending_hash_key(shard):
        return _error("InvalidArgumentException", f"{at} does not split the range of {shard_id}")
    shards.split(stream, shard_id, at, next_sequence_number)
    return _ok({})


def merge_shards(data: Request) -> Answer:
    """Close two adjacent shards and open one over both ranges; what they hold stays readable."""
    stream, problem = _reshardable(data, "ShardToMerge", "AdjacentShardToMerge")
    if problem:
        return problem
    one, other = data["ShardToMerge"], data["AdjacentShardToMerge"]
    pair = (stream["shards"][one], stream["shards"][other])
    low, high = sorted(pair, key=shards.starting_hash_key)
    if shards.ending_hash_key(low) + 1 != shards.starting_hash_key(high):
        return _error("InvalidArgumentException", f"{one} and {other} are not adjacent")
    shards.merge(stream, one, other, next_sequence_number)
    return _ok({})


def update_shard_count(data: Request) -> Answer:
    """Split and merge until the open shards divide the keys evenly; to double or half at most."""
    stream, problem = _reshardable(data)
    if problem:
        return problem
    current, target = len(shards.open_shards(stream)), int(data.get("TargetShardCount", 0))
    if not math.ceil(current / 2) <= target <= 2 * current:
        return _error("LimitExceededException", f"{current} open shards cannot become {target}")
    ranges = [(int(low), int(high)) for low, high in kinesis._compute_hash_ranges(target)]
    shards.resize(stream, ranges, next_sequence_number)
    return _ok(
        {
            "StreamName": stream["StreamName"],
            "StreamARN": stream["StreamARN"],
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }
    )


def get_shard_iterator(data: Request) -> Answer:
    """Give an iterator that names the sequence number behind it, so that expiry cannot move it."""
    name, stream = kinesis._resolve_stream(data)
    shard_id = str(data.get("ShardId"))
    if not stream or shard_id not in stream["shards"]:
        return _error("ResourceNotFoundException", f"Shard {shard_id} of {name} not found")
    shards.expire(stream)
    try:
        tip = int(next_sequence_number())
        after = shards.starting_after(stream["shards"][shard_id], data, tip)
    except (KeyError, TypeError, ValueError) as error:
        return _error("InvalidArgumentException", f"not a position to start from: {error!r}")
    return _ok({"ShardIterator": shards.iterator(stream["StreamARN"], shard_id, after)})


def get_records(data: Request) -> Answer:
    """Read on from an iterator; at the end of a closed shard there is no next one but children."""
    try:
        stream_arn, shard_id, after, given = shards.read_iterator(data["ShardIterator"])
    except (KeyError, TypeError, ValueError):
        return _error("InvalidArgumentException", "Invalid ShardIterator")
    if time.time() - given > ITERATOR_SECONDS:
        return _error("ExpiredIteratorException", "The iterator is older than five minutes")
    stream = kinesis._resolve_stream_by_arn(stream_arn)
    if stream:
        shards.expire(stream)
    if not stream or shard_id not in stream["shards"]:
        return _error("ResourceNotFoundException", f"Shard {shard_id} of {stream_arn} not found")
    shard = stream["shards"][shard_id]
    records, unread = shards.read(shard, after, data.get("Limit", shards.READ_RECORDS_MAX))
    encryption = {"EncryptionType": stream.get("EncryptionType", "NONE")}
    answer: dict[str, Any] = {"Records": [{**record, **encryption} for record in records]}
    behind_seconds = time.time() - shards.arrival(unread) if unread else 0.0
    answer["MillisBehindLatest"] = max(0, int(behind_seconds * 1000))
    if unread is None and shards.is_closed(shard):
        answer["ChildShards"] = shards.children(stream, shard_id)
    else:
        last = shards.sequence(records[-1]) if records else after
        answer["NextShardIterator"] = shards.iterator(stream_arn, shard_id, last)
    for observe in observers:
        observe(stream["StreamName"], records, answer["MillisBehindLatest"])
    return _ok(answer)


def install() -> None:
    """Put every replacement where ministack looks its own function up."""
    kinesis._next_sequence_number = next_sequence_number
    kinesis._create_stream = create_stream
    kinesis._put_record = put_record
    kinesis._put_records = put_records
    kinesis._expire_records = shards.expire
    kinesis._route_to_shard = route_to_shard
    kinesis._shard_out = shard_out
    kinesis._describe_stream_summary = describe_stream_summary
    kinesis._list_shards = list_shards
    kinesis._split_shard = split_shard
    kinesis._merge_shards = merge_shards
    kinesis._update_shard_count = update_shard_count
    kinesis._get_shard_iterator = get_shard_iterator
    kinesis._get_records = get_records


def _reshardable(data: Request, *members: str) -> tuple[shards.Stream, Answer | None]:
    """Return the stream whose shards a request may change, or the refusal."""
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return {}, _error("ResourceNotFoundException", f"Stream {name} not found")
    if stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND":
        return {}, _error("ValidationException", f"{name} is on demand: AWS alone changes shards")
    for member in members:
        shard = stream["shards"].get(data.get(member))
        if shard is None:
            return {}, _error("ResourceNotFoundException", f"Shard {data.get(member)} not found")
        if shards.is_closed(shard):
            return {}, _error(
                "InvalidArgumentException", f"{data[member]} was already split or merged"
            )
    return stream, None


def _too_large(records: list[Request]) -> Answer | None:
    """Return the refusal of a record over the limit (API reference, "PutRecords")."""
    for record in records:
        size = shards.data_bytes(record) + len(record.get("PartitionKey", "").encode())
        if size > RECORD_BYTES_MAX:
            message = f"A record, its partition key included, has at most {RECORD_BYTES_MAX} bytes"
            return _error("InvalidArgumentException", message)
    return None


def _ok(answer: dict[str, Any]) -> Answer:
    response: Answer = kinesis.json_response(answer)
    return response


def _error(code: str, message: str) -> Answer:
    response: Answer = kinesis.error_response_json(code, message, 400)
    return response

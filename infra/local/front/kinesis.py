"""Kinesis' limits on single records of PutRecords, on reads of a shard and on the control plane.

Where IAM is enforced, a request of an IAM user or role that is over its limit in part is refused by
the emulator: what is left of it no longer bears its sender's signature.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local import shards
from infra.local.front import answers
from infra.local.front.answers import Refusal
from infra.local.front.exchange import Exchange
from infra.local.front.limits import ControlCalls, Put, ShardReads, StreamWrites
from infra.local.front.streams import Streams
from infra.local.front.tally import Tally

THROTTLED = "ProvisionedThroughputExceededException"
_RESHARDING = frozenset(
    {"CreateStream", "DeleteStream", "MergeShards", "SplitShard", "UpdateShardCount"}
    | {"UpdateStreamMode"}
)

Request = dict[str, Any]


def stream_name(request: Request) -> str:
    """Return the stream that a request is about, "" if it names none."""
    if "ShardIterator" in request:
        try:
            arn = shards.read_iterator(request["ShardIterator"])[0]
        except (KeyError, TypeError, ValueError):
            return ""
        return arn.rpartition("/")[2]
    named = request.get("StreamName") or request.get("StreamARN", "").rpartition("/")[2]
    return str(named)


def put_of(record: Mapping[str, Any]) -> Put:
    """Return where a record goes, by its explicit hash key or its key's MD5, and its size."""
    key = str(record.get("PartitionKey", "")).encode()
    size = shards.data_bytes(dict(record)) + len(key)
    explicit = record.get("ExplicitHashKey")
    hashed = int(explicit) if explicit else int.from_bytes(hashlib.md5(key).digest())
    return Put(hash_key=hashed, size_bytes=size)


def merged(
    taken: Sequence[Mapping[str, Any]], refused: Mapping[int, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the entries of a PutRecords answer in the request's order.

    `taken` are the answers of the records that were forwarded, in their order, `refused` those of
    the others by their place in the request.
    """
    rest = iter(taken)
    count = len(taken) + len(refused)
    return [refused[place] if place in refused else next(rest) for place in range(count)]


class Kinesis:
    """The limits of every stream, which are kept while `limited`."""

    def __init__(self, streams: Streams, tally: Tally) -> None:
        self.limited = False
        self._streams = streams
        self._tally = tally
        self._writes: dict[str, StreamWrites] = {}
        self._reads: dict[tuple[str, str], ShardReads] = {}
        self._control = ControlCalls()

    async def limit(self, *, on: bool) -> None:
        """Keep the rates from now on, or no more; what was counted of shards starts anew."""
        self.limited = on
        if on:
            await self._streams.ready()
            self._writes, self._reads, self._control = {}, {}, ControlCalls()
            self._streams.forget()

    def written(self) -> list[dict[str, Any]]:
        """Return what each shard took and refused since the limits were switched on."""
        return [
            {
                "stream": stream,
                "shard": shard_id,
                "records": written.records,
                "bytes": written.bytes,
                "refused": written.refused,
                "seconds": written.ended - (written.began or written.ended),
            }
            for stream, writes in self._writes.items()
            for shard_id, written in sorted(writes.written.items())
        ]

    async def handle(self, exchange: Exchange) -> None:
        """Answer a call of Kinesis, by the emulator unless a limit is in its way."""
        operation = exchange.call.operation
        if self.limited and operation in ("PutRecord", "PutRecords"):
            await self._put(exchange)
        elif self.limited and operation == "GetRecords":
            await self._get_records(exchange)
        elif self.limited and not self._control.may_call(operation, time.monotonic()):
            self._tally.count(exchange.call, "throttle")
            await _refuse(exchange, "LimitExceededException", "Rate exceeded")
        else:
            await exchange.forward()
            if operation in _RESHARDING:
                self._streams.forget()

    async def _put(self, exchange: Exchange) -> None:
        request = parsed(await exchange.body())
        try:
            puts = [put_of(record) for record in request.get("Records", [request])]
        except (AttributeError, TypeError, ValueError):
            await exchange.forward()
            return
        over = await self._over(stream_name(request), puts)
        if not over:
            await exchange.forward()
            return
        self._tally.count(exchange.call, "throttle", len(over))
        self._tally.throttled(exchange.call, stream_name(request), len(over))
        if "Records" in request:
            await _forward_rest(exchange, request, over)
        else:
            await _refuse(exchange, THROTTLED, _sentence(stream_name(request), over[0]))

    async def _over(self, name: str, puts: Sequence[Put]) -> dict[int, str]:
        """Return which records are over their shard's limits: place -> shard."""
        stream = await self._streams.get(name) if name else None
        if stream is None:
            return {}
        writes = self._writes.get(name)
        if writes is None:
            writes = self._writes[name] = StreamWrites(stream.shards, on_demand=stream.on_demand)
        writes.reshard(stream.shards)
        return writes.refused(puts, time.monotonic())

    async def _get_records(self, exchange: Exchange) -> None:
        request = parsed(await exchange.body())
        try:
            arn, shard_id, *_ = shards.read_iterator(request["ShardIterator"])
        except (KeyError, TypeError, ValueError):
            await exchange.forward()
            return
        name = arn.rpartition("/")[2]
        reads = self._reads.setdefault((name, shard_id), ShardReads())
        if not reads.may_read(time.monotonic()):
            self._tally.count(exchange.call, "throttle")
            self._tally.throttled(exchange.call, name)
            await _refuse(exchange, THROTTLED, _sentence(name, shard_id))
            return
        answer, content = await exchange.ask()
        read = parsed(content).get("Records", ())
        reads.was_read(sum(put_of(record).size_bytes for record in read))
        await exchange.answer(answer.with_length(len(content)), content)


def parsed(body: bytes) -> Request:
    """Return a request; an empty one for what is none, which is the emulator's to answer."""
    try:
        request = json.loads(body)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _sentence(stream: str, shard_id: str) -> str:
    return f"Rate exceeded for shard {shard_id} in stream {stream}."


async def _forward_rest(exchange: Exchange, request: Request, over: Mapping[int, str]) -> None:
    """Forward the records that are not over the limit and answer for all of them."""
    name = stream_name(request)
    refused = {
        place: {"ErrorCode": THROTTLED, "ErrorMessage": _sentence(name, shard_id)}
        for place, shard_id in over.items()
    }
    rest = [record for place, record in enumerate(request["Records"]) if place not in over]
    answered: dict[str, Any] = {"Records": []}
    if rest:
        head, content = await exchange.ask(json.dumps({**request, "Records": rest}).encode())
        if head.start[1] != b"200":
            await exchange.answer(head.with_length(len(content)), content)
            return
        answered = json.loads(content)
    entries = merged(answered["Records"], refused)
    failed = len(refused) + answered.get("FailedRecordCount", 0)
    body = json.dumps({**answered, "FailedRecordCount": failed, "Records": entries}).encode()
    fields = {"content-type": "application/x-amz-json-1.1"}
    await exchange.answer(answers.head(200, len(body), fields), body)


async def _refuse(exchange: Exchange, code: str, message: str) -> None:
    refusal = Refusal(status=400, code=code, message=message)
    await exchange.answer(*answers.encode(exchange.call, refusal))

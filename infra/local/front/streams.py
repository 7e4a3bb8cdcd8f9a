"""What the front asks the emulator itself: which shards of a stream are open."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from infra.local.front.limits import Shard


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream's open shards and its capacity mode."""

    shards: tuple[Shard, ...]
    on_demand: bool


class Emulator:
    """Clients of the emulator behind the front, for the account itself.

    They are made when first needed: boto3 takes 0.3 s to load, and without limits none is.
    """

    def __init__(self, endpoint: str, region: str) -> None:
        self._where = {"endpoint_url": endpoint, "region_name": region}
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        from boto3.session import Session
        from botocore.config import Config

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
        make: Any = Session().client
        return make(service, **self._where, **keys, config=config)


class Streams:
    """Streams as the emulator describes them, asked again after a re-sharding."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._known: dict[str, Stream] = {}
        self._asking = asyncio.Lock()

    async def get(self, name: str) -> Stream | None:
        """Return a stream; None if there is none of that name."""
        if name not in self._known:
            async with self._asking:
                if name not in self._known and (found := await asyncio.to_thread(self._ask, name)):
                    self._known[name] = found
        return self._known.get(name)

    async def ready(self) -> None:
        """Make the client now, so that no call has to wait for it."""
        await asyncio.to_thread(self._emulator.client, "kinesis")

    def forget(self) -> None:
        """Ask again: shards may have changed."""
        self._known.clear()

    def _ask(self, name: str) -> Stream | None:
        kinesis = self._emulator.client("kinesis")
        try:
            summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
            pages = kinesis.get_paginator("list_shards").paginate(StreamName=name)
            listed = [shard for page in pages for shard in page["Shards"]]
        except ClientError as error:
            # No such stream, or no name of one: the emulator says so to whoever asked for it.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 400:
                return None
            raise
        mode = summary.get("StreamModeDetails", {}).get("StreamMode")
        return Stream(shards=tuple(_open(listed)), on_demand=mode == "ON_DEMAND")


def _open(listed: Sequence[dict[str, Any]]) -> list[Shard]:
    return [
        Shard(
            shard_id=shard["ShardId"],
            low=int(shard["HashKeyRange"]["StartingHashKey"]),
            high=int(shard["HashKeyRange"]["EndingHashKey"]),
        )
        for shard in listed
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]

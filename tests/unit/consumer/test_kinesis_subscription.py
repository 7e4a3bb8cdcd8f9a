"""A worker's part in a Kinesis stream of which one shard cannot be read."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources.kinesis_reader import READ_SECONDS
from pipeline.sources.kinesis_subscription import KinesisSubscription
from pipeline.sources.troubles import TELL_SECONDS
from tests.stubbed import stubbed

BROKEN, WELL = ShardId("shardId-0"), ShardId("shardId-1")
REFUSED = {"Error": {"Code": "KMSAccessDeniedException", "Message": "no"}}


class Stream:
    """A client of a stream: each read of a shard brings a record, but for one that it refuses."""

    def __init__(self) -> None:
        self.refuses = {BROKEN}

    def get_shard_iterator(self, **asked: Any) -> dict[str, str]:
        return {"ShardIterator": asked["ShardId"]}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        if asked["ShardIterator"] in self.refuses:
            raise ClientError(REFUSED, "GetRecords")
        record = {
            "SequenceNumber": "1",
            "PartitionKey": "k",
            "ApproximateArrivalTimestamp": datetime.fromtimestamp(0, UTC),
            "Data": b"x",
        }
        return {"Records": [record], "NextShardIterator": asked["ShardIterator"]}


class AtOnce:
    """Threads whose jobs are over as soon as they are started."""

    def submit(self, job: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(job())
        except OperatingError as error:
            future.set_exception(error)
        return future


class Listener:
    """Takes every shard on from its oldest record."""

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        return dict.fromkeys(shards)

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        raise AssertionError(f"{shards} went")


class Following:
    """A subscription that has both shards, and a clock of its own."""

    def __init__(self) -> None:
        self.stream, self.now = Stream(), 1_000.0
        dynamodb, _ = stubbed("dynamodb")
        self.subscription = KinesisSubscription(
            self.stream,  # type: ignore[arg-type]
            "events",
            dynamodb,
            "ledger",
            monotonic=lambda: self.now,
        )
        self.subscription._threads = AtOnce()  # type: ignore[assignment]
        self.subscription._beat_at = float("inf")
        self.subscription._begin(Listener(), (BROKEN, WELL))

    def follow(self, *, seconds: float) -> tuple[int, list[ShardId | None]]:
        """Poll for so long; return how many polls brought records, and of whom trouble was told."""
        brought, told = 0, []
        for _ in range(round(seconds / READ_SECONDS)):
            self.now += READ_SECONDS
            try:
                found: Mapping[ShardId, tuple[Record, ...]] = self.subscription.poll(
                    Listener(), seconds_max=0
                )
                brought += WELL in found
            except OperatingError as error:
                told.append(error.shard)
        return brought, told


@pytest.fixture
def following() -> Following:
    return Following()


def test_the_trouble_of_a_shard_is_told_while_others_go_on(following: Following) -> None:
    brought, told = following.follow(seconds=12 * TELL_SECONDS)

    assert set(told) == {BROKEN}
    assert 5 <= len(told) <= 12, "told again and again, and not with each poll"
    assert brought > 9 * TELL_SECONDS / READ_SECONDS


def test_a_shard_that_is_read_again_is_no_trouble(following: Following) -> None:
    following.follow(seconds=2)
    following.stream.refuses.clear()
    following.follow(seconds=2 * TELL_SECONDS)

    assert following.follow(seconds=10 * TELL_SECONDS)[1] == []

"""Too much for a shard, too few shards, and shards that change under load."""

import zlib
from typing import Any, Final

from pipeline.producer.lanes import address_of
from pipeline.producer.settings import ProducerSettings
from sluice.drills.drill import Drill
from sluice.drills.rig import Rig
from sluice.drills.waiting import until

HOT_RATE: Final = 1_500.0
"""More records a second than one shard takes, and less than two do (Kinesis quotas)."""
LANES: Final = 256
HOT_LANES: Final = tuple(address_of(lane, LANES).partition_key for lane in range(LANES // 2))
"""Keys that all fall into the first half of the hash keys, spread over it. They are many, because a
lane has one record under way at a time."""
ONE_BY_ONE: Final = ProducerSettings(lanes=LANES, record_events=1)
RESHARD_SECONDS_MAX: Final = 90.0


def heat_a_shard(rig: Rig) -> None:
    """Keep AWS's limits, and send one shard more records than it takes, none aggregated."""
    rig.undo.append(lambda: rig.front.limits(on=False))
    rig.front.limits(on=True)
    rig.send(rate=HOT_RATE, settings=ONE_BY_ONE, key_of=_hot_key)


def _hot_key(key: str) -> str:
    return HOT_LANES[zlib.crc32(key.encode()) % len(HOT_LANES)]


def reshard(rig: Rig) -> None:
    """Split a shard, merge two, and go back to the number that there was, all under load."""
    kinesis, stream = rig.stack.environment.kinesis, rig.stack.environment.settings.stream
    before = _open_shards(rig)
    widest = max(before, key=lambda s: _last(s) - _first(s))
    kinesis.split_shard(
        StreamName=stream,
        ShardToSplit=widest["ShardId"],
        NewStartingHashKey=str((_first(widest) + _last(widest)) // 2),
    )
    _wait_for(rig, len(before) + 1)
    left, right = _open_shards(rig)[:2]
    kinesis.merge_shards(
        StreamName=stream,
        ShardToMerge=left["ShardId"],
        AdjacentShardToMerge=right["ShardId"],
    )
    _wait_for(rig, len(before))


def _open_shards(rig: Rig) -> list[dict[str, Any]]:
    """Return the shards that take records, by their hash keys."""
    kinesis, stream = rig.stack.environment.kinesis, rig.stack.environment.settings.stream
    shards = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    return sorted(shards, key=_first)


def _first(shard: dict[str, Any]) -> int:
    return int(shard["HashKeyRange"]["StartingHashKey"])


def _last(shard: dict[str, Any]) -> int:
    return int(shard["HashKeyRange"]["EndingHashKey"])


def _wait_for(rig: Rig, count: int) -> None:
    until(
        lambda: len(_open_shards(rig)) == count,
        seconds_max=RESHARD_SECONDS_MAX,
        what=f"the stream has {count} open shards",
    )


CAPACITY: Final = (
    Drill(
        id="hot-shard",
        fault="one shard gets half again as many records as a shard takes",
        alarm="write-throttles",
        cause="A hot shard",
        break_it=heat_a_shard,
    ),
    Drill(
        id="split-and-merge",
        fault="a shard is split and two are merged under load",
        by_design="a child waits until its parents are committed to their end",
        break_it=reshard,
        anywhere=True,
    ),
)

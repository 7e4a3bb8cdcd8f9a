"""Shards split and merge under load: no event is lost, doubled or out of order."""

import pytest

from tests.faults.stack.conftest import Rig, Rigs, all_stored
from tests.waiting import until


@pytest.fixture(scope="module")
def rig(rigs: Rigs) -> Rig:
    return rigs("shards", shard_count="2")


class Stream:
    """The shards of a rig's stream, as its owner changes them."""

    def __init__(self, rig: Rig) -> None:
        self.kinesis = rig.stack.environment.kinesis
        self.name = {"StreamName": rig.stack.environment.settings.stream}

    def open(self) -> list[dict[str, dict[str, str]]]:
        """Return the open shards in the order of their hash keys."""
        shards = self.kinesis.list_shards(**self.name)["Shards"]
        found = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted(found, key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))

    def total(self) -> int:
        return len(self.kinesis.list_shards(**self.name)["Shards"])

    def count(self, shards: int) -> None:
        self.kinesis.update_shard_count(
            **self.name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
        )
        until(lambda: len(self.open()) == shards and self._active())

    def split(self) -> None:
        """Split the first open shard in two halves."""
        shard = self.open()[0]
        keys = shard["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        before = len(self.open())
        self.kinesis.split_shard(
            **self.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
        )
        until(lambda: len(self.open()) == before + 1 and self._active())

    def merge(self) -> None:
        """Merge the last two open shards."""
        left, right = self.open()[-2:]
        before = len(self.open())
        self.kinesis.merge_shards(
            **self.name, ShardToMerge=left["ShardId"], AdjacentShardToMerge=right["ShardId"]
        )
        until(lambda: len(self.open()) == before - 1 and self._active())

    def _active(self) -> bool:
        summary = self.kinesis.describe_stream_summary(**self.name)["StreamDescriptionSummary"]
        return bool(summary["StreamStatus"] == "ACTIVE")


def still_read(rig: Rig) -> int:
    """Return how many shards are not read to their end: an empty parent's end comes last."""
    return [status.closed for status in rig.shards()].count(False)


def test_shards_doubled_split_merged_and_halved_under_load_keep_every_event(rig: Rig) -> None:
    stream = Stream(rig)
    load = rig.load(
        (0.15, lambda: stream.count(4)),
        (0.3, stream.split),
        (0.45, stream.merge),
        (0.6, lambda: stream.count(2)),
        rate=1_500,
        seconds=10,
    )
    assert len(stream.open()) == 2
    assert stream.total() > 8
    assert all_stored(rig.verdict(load), 15_000)
    until(lambda: still_read(rig) == 2)


def test_the_program_doubles_the_shards_of_a_running_stack_under_load(rig: Rig) -> None:
    stream = Stream(rig)
    before = len(stream.open())
    rig.settings["shard_count"] = str(2 * before)
    load = rig.load((0.2, lambda: rig.deploy(None)), rate=1_000, seconds=8)
    assert len(stream.open()) == 2 * before
    assert all_stored(rig.verdict(load), 8_000)
    until(lambda: still_read(rig) == 2 * before)

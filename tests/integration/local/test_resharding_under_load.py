"""Splits and merges while records are written: nothing is lost, parents come before children."""

import threading
from itertools import pairwise
from typing import Any

KEYS = 2**128


class Writer(threading.Thread):
    """Writes numbered records until told to stop; `sent` holds what was acknowledged."""

    def __init__(self, lab: Any, stream: str) -> None:
        super().__init__()
        self._lab, self._stream = lab, stream
        self._enough = threading.Event()
        self.sent: list[str] = []

    def run(self) -> None:
        while not self._enough.is_set():
            batch = [str(len(self.sent) + i) for i in range(20)]
            self._lab.put(self._stream, *batch)
            self.sent += batch
            self._enough.wait(0.01)

    def wait_for(self, more: int) -> None:
        """Wait until so many more records were written."""
        enough = len(self.sent) + more
        self._lab.wait_for(lambda: len(self.sent) >= enough)

    def finish(self) -> set[str]:
        self._enough.set()
        self.join()
        return set(self.sent)


def shards(lab: Any, stream: str) -> dict[str, dict[str, Any]]:
    listed = lab.client("kinesis").list_shards(StreamName=stream)["Shards"]
    return {shard["ShardId"]: shard for shard in listed}


def parents(shard: dict[str, Any]) -> list[str]:
    return [shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard]


def test_a_split_a_merge_and_a_new_shard_count_under_load_lose_nothing(lab: Any) -> None:
    kinesis = lab.client("kinesis")
    lab.deploy("reshard")
    lab.stream("reshard", shards=2)
    lab.map("reshard", BatchSize=50)
    writer = Writer(lab, "reshard")
    writer.start()
    writer.wait_for(400)
    first, second = sorted(shards(lab, "reshard"))
    kinesis.split_shard(StreamName="reshard", ShardToSplit=first, NewStartingHashKey=str(KEYS // 4))
    writer.wait_for(400)
    low, high = (i for i, shard in shards(lab, "reshard").items() if parents(shard) == [first])
    kinesis.merge_shards(StreamName="reshard", ShardToMerge=high, AdjacentShardToMerge=second)
    writer.wait_for(400)
    kinesis.update_shard_count(
        StreamName="reshard", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    writer.wait_for(400)
    sent = writer.finish()

    lab.wait_for(lambda: set(lab.delivered("reshard")) >= sent)
    delivered = lab.delivered("reshard")
    assert len(delivered) == len(sent)
    assert set(delivered) == sent
    family = shards(lab, "reshard")
    spans: dict[str, tuple[float, float]] = {}
    sequences: dict[str, list[int]] = {}
    for invocation in lab.invocations("reshard"):
        shard = invocation["shard"]
        spans[shard] = (spans.get(shard, (invocation["at"], 0))[0], invocation["at"])
        sequences.setdefault(shard, []).extend(
            int(record["kinesis"]["sequenceNumber"]) for record in invocation["event"]["Records"]
        )
    assert len(family) > 6
    for child, (began, _) in spans.items():
        assert all(spans[i][1] < began for i in parents(family[child]) if i in spans)
    for numbers in sequences.values():
        assert all(one < two for one, two in pairwise(numbers))
    assert low in spans

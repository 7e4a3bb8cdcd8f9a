"""How workers of a Kinesis stream share its shards: alike, and without taking turns for ever."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import ShardId
from pipeline.sources.kinesis_leases import fair_share

Names = st.sets(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=6)


@given(st.integers(0, 20), Names, st.data())
def test_two_rounds_share_alike_whoever_had_what(
    count: int, workers: set[str], data: st.DataObject
) -> None:
    shards = [ShardId(f"shardId-{number:03}") for number in range(count)]
    held = data.draw(st.lists(st.sampled_from([*sorted(workers), ""]), min_size=count))
    owners = {s: owner for s, owner in zip(shards, held, strict=False) if owner}
    for _ in range(2):  # all give, then all take
        for worker in sorted(workers):
            share = fair_share(worker, shards=shards, workers=workers, owners=dict(owners))
            for shard in share.give:
                del owners[shard]
            owners |= dict.fromkeys(share.take, worker)

    counts = [list(owners.values()).count(worker) for worker in workers]
    assert sum(counts) == count
    assert max(counts) - min(counts) <= 1
    for worker in workers:
        share = fair_share(worker, shards=shards, workers=workers, owners=owners)
        assert (share.take, share.give) == ((), ())


def test_a_worker_alone_takes_everything() -> None:
    share = fair_share("w", shards=[ShardId("a"), ShardId("b")], workers=[], owners={})

    assert share.take == ("a", "b")


def test_what_is_another_s_is_left_to_it() -> None:
    owners = {ShardId("a"): "other"}
    share = fair_share("w", shards=[ShardId("a"), ShardId("b")], workers=["other"], owners=owners)

    assert (share.take, share.give) == (("b",), ())

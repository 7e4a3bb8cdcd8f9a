"""AWS's rates per shard, as pure buckets on a given clock."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.front import limits
from infra.local.front.kinesis import merged, put_of, stream_name
from infra.local.front.limits import (
    MIB,
    Bucket,
    ControlCalls,
    Put,
    Shard,
    ShardReads,
    StreamWrites,
)

MIDDLE = 2**127
LAST = 2**128 - 1
ONE = (Shard(shard_id="one", low=0, high=LAST),)
TWO = (
    Shard(shard_id="low", low=0, high=MIDDLE - 1),
    Shard(shard_id="high", low=MIDDLE, high=LAST),
)
steps = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=3, allow_nan=False),
        st.floats(min_value=0.01, max_value=20, allow_nan=False),
    ),
    max_size=80,
)


def taken(bucket: Bucket, asked: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ask for amounts, each so many seconds after the last; return when it gave how much."""
    now, given_out = 0.0, []
    for pause, amount in asked:
        now += pause
        if bucket.has(amount, now):
            bucket.take(amount)
            given_out.append((now, amount))
    return given_out


@given(asked=steps, rate=st.floats(min_value=0.5, max_value=50))
def test_no_span_of_time_gives_more_than_its_rate_and_one_burst(
    asked: list[tuple[float, float]], rate: float
) -> None:
    given_out = taken(Bucket(per_second=rate, burst=20), asked)
    for first, (began, _) in enumerate(given_out):
        total = 0.0
        for now, amount in given_out[first:]:
            total += amount
            assert total <= rate * (now - began) + 20 + 1e-6


@given(
    pauses=st.lists(st.floats(min_value=0.001, max_value=2), min_size=1, max_size=80),
    rate=st.floats(min_value=0.5, max_value=50),
)
def test_nothing_is_refused_to_who_stays_below_the_rate(pauses: list[float], rate: float) -> None:
    asked = [(pause, min(rate * pause, 20.0)) for pause in pauses]
    assert len(taken(Bucket(per_second=rate, burst=20), asked)) == len(asked)


def test_what_is_larger_than_a_full_tank_passes_and_is_paid_back_before_the_next() -> None:
    bucket = Bucket(per_second=1, burst=1)
    assert bucket.has(10, 0.0)
    bucket.take(10)
    assert not bucket.has(1, 9.9)
    assert bucket.has(1, 10.0)


def test_a_shard_takes_a_thousand_records_a_second() -> None:
    writes = StreamWrites(ONE)
    puts = [Put(hash_key=0, size_bytes=10)] * 1_500
    assert list(writes.refused(puts, 0.0)) == list(range(1_000, 1_500))
    assert len(writes.refused(puts, 0.5)) == 1_000
    assert (writes.written["one"].records, writes.written["one"].refused) == (1_500, 1_500)


def test_a_shard_takes_one_mib_a_second_partition_keys_included() -> None:
    writes = StreamWrites(ONE)
    record = put_of({"Data": "A" * (1024 * 4), "PartitionKey": "k" * 1024})
    assert record.size_bytes == 3 * 1024 + 1024
    assert list(writes.refused([record] * 257, 0.0)) == [256]
    assert not writes.refused([record] * 256, 1.0)


def test_a_refused_record_uses_nothing_up() -> None:
    writes = StreamWrites(ONE)
    large, small = Put(hash_key=0, size_bytes=MIB), Put(hash_key=0, size_bytes=1)
    assert list(writes.refused([large, large, *[small] * 10], 0.0)) == [1, *range(2, 12)]
    assert not writes.refused([small] * 999, 1.0)


def test_each_shard_has_its_own_rate_and_a_hot_one_slows_no_other() -> None:
    writes = StreamWrites(TWO)
    hot = [Put(hash_key=0, size_bytes=1)] * 1_200
    assert set(writes.refused(hot, 0.0).values()) == {"low"}
    assert not writes.refused([Put(hash_key=LAST, size_bytes=1)] * 1_000, 0.0)


def test_after_a_split_the_children_have_full_tanks_and_a_kept_shard_keeps_its_own() -> None:
    writes = StreamWrites(ONE)
    puts = [Put(hash_key=0, size_bytes=1)] * 1_000
    writes.refused(puts, 0.0)
    writes.reshard(ONE)
    assert len(writes.refused(puts, 0.0)) == 1_000
    writes.reshard(TWO)
    assert not writes.refused(puts, 0.0)


def test_a_new_on_demand_stream_takes_four_times_a_shards_rate_in_all() -> None:
    shards = tuple(Shard(shard_id=f"{n}", low=n, high=n) for n in range(8))
    writes = StreamWrites(shards, on_demand=True)
    puts = [Put(hash_key=n % 8, size_bytes=1) for n in range(8_000)]
    assert len(puts) - len(writes.refused(puts, 0.0)) == limits.ON_DEMAND_RECORDS_PER_SECOND


def test_a_shard_is_read_five_times_a_second_by_all_its_readers_together() -> None:
    reads = ShardReads()
    assert [reads.may_read(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert reads.may_read(0.2)
    assert not reads.may_read(0.2)


def test_a_shard_gives_two_mib_a_second() -> None:
    reads = ShardReads()
    served = 0
    for tick in range(100):
        if reads.may_read(tick / 10):
            reads.was_read(MIB)
            served += MIB
    assert 10 * 2 * MIB <= served <= 10 * 2 * MIB + 2 * 2 * MIB


def test_after_ten_mib_a_shard_is_not_read_for_five_seconds() -> None:
    reads = ShardReads()
    assert reads.may_read(0.0)
    reads.was_read(10 * MIB)
    assert not reads.may_read(4.99)
    assert reads.may_read(5.01)


def test_the_control_plane_has_a_rate_for_each_operation() -> None:
    calls = ControlCalls()
    assert [calls.may_call("DescribeStream", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert calls.may_call("DescribeStreamSummary", 0.0)
    assert all(calls.may_call("GetShardIterator", 0.0) for _ in range(10_000))


@given(st.lists(st.booleans(), max_size=60))
def test_answers_of_a_partly_refused_request_keep_the_requests_order_and_number(
    refusals: list[bool],
) -> None:
    refused = {n: {"ErrorCode": "E", "n": n} for n, over in enumerate(refusals) if over}
    forwarded = [{"ShardId": "s", "n": n} for n, over in enumerate(refusals) if not over]
    entries = merged(forwarded, refused)
    assert [entry["n"] for entry in entries] == list(range(len(refusals)))
    assert ["ErrorCode" in entry for entry in entries] == refusals


@pytest.mark.parametrize("length", range(5))
def test_a_records_size_is_that_of_its_data_before_base64_and_its_key(length: int) -> None:
    data = base64.b64encode(b"x" * length).decode()
    assert put_of({"Data": data, "PartitionKey": "ké"}).size_bytes == length + 3


def test_an_explicit_hash_key_goes_before_the_partition_keys_md5() -> None:
    assert put_of({"PartitionKey": "a"}).hash_key == 0x0CC175B9C0F1B6A831C399E269772661
    assert put_of({"PartitionKey": "a", "ExplicitHashKey": "7"}).hash_key == 7


@pytest.mark.parametrize(
    "request_",
    [{"StreamName": "s"}, {"StreamARN": "arn:aws:kinesis:us-east-1:0:stream/s"}],
)
def test_a_stream_is_known_by_name_and_by_arn(request_: dict[str, Any]) -> None:
    assert stream_name(request_) == "s"
    assert stream_name({"ShardIterator": "nonsense"}) == ""

"""When Lambda invokes a function with Kinesis records, and with how many."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.rules import PAYLOAD_BYTES_MAX, Record, Shard
from infra.local.event_source_mapping.settings import Settings
from tests.local_aws import aws_rule

Make = Callable[..., list[Record]]


def succeed(_: list[int]) -> None:
    return None


def payload_of(command: rules.Command) -> bytes:
    assert isinstance(command, rules.Invoke)
    return command.batch.payload


@aws_rule(
    page="Lambda developer guide, Processing and batching",
    says="a batch has at most `BatchSize` records",
    alone="the same",
)
def test_a_batch_has_at_most_as_many_records_as_the_batch_size(
    drive: Callable[..., Any], make_records: Make
) -> None:
    history = drive(succeed, batch_size=4).run(make_records(10))
    assert history.invoked == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_without_a_window_records_are_delivered_as_soon_as_they_are_read(
    make_records: Make,
) -> None:
    shard = Shard(Settings(batch_size=100))
    shard.read(make_records(3), now=10.0, ended=False, next_read=11.0)
    assert isinstance(shard.next(10.0), rules.Invoke)


@aws_rule(
    page="Lambda developer guide, Processing and batching",
    says="`MaximumBatchingWindowInSeconds` gathers records up to 300 s",
    alone="no window: each read is a batch",
)
def test_a_window_gathers_what_several_reads_give(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=100, window_seconds=5))
    records = make_records(3)
    shard.read(records[:1], now=10.0, ended=False, next_read=11.0)
    assert shard.next(10.0) == rules.Read(not_before=11.0)
    shard.read(records[1:], now=11.0, ended=False, next_read=12.0)
    assert shard.next(14.9) == rules.Read(not_before=12.0)
    command = shard.next(15.0)
    assert isinstance(command, rules.Invoke)
    assert command.batch.records == tuple(records)


def test_the_window_ends_between_two_reads(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=100, window_seconds=0.5))
    shard.read(make_records(1), now=10.0, ended=False, next_read=11.0)
    assert shard.next(10.0) == rules.Wait(until=10.5)


def test_what_a_full_batch_leaves_behind_keeps_its_window(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=2, window_seconds=5))
    shard.read(make_records(3), now=10.0, ended=False, next_read=60.0)
    assert isinstance(shard.next(11.0), rules.Invoke)
    shard.answered(rules.Answer(failed=False), now=12.0)
    assert shard.next(12.0) == rules.Wait(until=15.0)
    assert isinstance(shard.next(15.0), rules.Invoke)


def test_after_a_batch_the_shard_is_read_at_once_until_it_is_caught_up(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=100, window_seconds=1))
    shard.read(make_records(3), now=10.0, ended=False, next_read=12.0)
    assert isinstance(shard.next(11.0), rules.Invoke)
    shard.answered(rules.Answer(failed=False), now=11.1)
    assert shard.next(11.1) == rules.Read(not_before=11.1)
    shard.read([], now=11.1, ended=False, next_read=12.1)
    assert shard.next(11.1) == rules.Read(not_before=12.1)


def test_a_full_batch_does_not_wait_for_its_window(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=3, window_seconds=300))
    shard.read(make_records(3), now=10.0, ended=False, next_read=11.0)
    assert isinstance(shard.next(10.0), rules.Invoke)


def test_the_end_of_a_shard_does_not_wait_for_a_window(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=100, window_seconds=300))
    shard.read(make_records(3), now=10.0, ended=True, next_read=11.0)
    assert isinstance(shard.next(10.0), rules.Invoke)


@aws_rule(
    page="Lambda developer guide, Processing and batching",
    says="a batch ends before its payload exceeds 6 MB",
    alone="no limit",
)
@pytest.mark.parametrize("over", [0, 1])
def test_a_payload_of_six_megabytes_is_sent_and_not_one_byte_more(over: int) -> None:
    envelope = len(b'{"Records":[,]}')
    bodies = [b"1" * (PAYLOAD_BYTES_MAX // 2), b"2" * (PAYLOAD_BYTES_MAX // 2 - envelope + over)]
    shard = Shard(Settings(batch_size=10, window_seconds=300))
    records = [Record(sequence=i, arrival=0.0, body=body) for i, body in enumerate(bodies)]
    shard.read(records, now=0.0, ended=False, next_read=1.0)
    payload = payload_of(shard.next(0.0))
    if over:
        assert payload == b'{"Records":[' + bodies[0] + b"]}"
    else:
        assert len(payload) == PAYLOAD_BYTES_MAX


def test_a_payload_just_under_six_megabytes_waits_for_its_window() -> None:
    shard = Shard(Settings(batch_size=10, window_seconds=300))
    body = b"1" * (PAYLOAD_BYTES_MAX - len(b'{"Records":[]}') - 1)
    record = Record(sequence=1, arrival=0.0, body=body)
    shard.read([record], now=0.0, ended=False, next_read=1.0)
    assert shard.next(0.0) == rules.Read(not_before=1.0)


def test_a_record_over_six_megabytes_is_still_handed_on_alone(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=10))
    records = make_records(2, body=b"1" * (PAYLOAD_BYTES_MAX + 1))
    shard.read(records, now=0.0, ended=False, next_read=1.0)
    command = shard.next(0.0)
    assert isinstance(command, rules.Invoke)
    assert len(command.batch.records) == 1


def test_the_payload_is_the_events_of_the_batch_as_json(make_records: Make) -> None:
    shard = Shard(Settings())
    shard.read(make_records(2, body=b'{"a":1}'), now=0.0, ended=False, next_read=1.0)
    assert json.loads(payload_of(shard.next(0.0))) == {"Records": [{"a": 1}, {"a": 1}]}


@aws_rule(
    page="Lambda developer guide, Processing and batching",
    says="with a parallelization factor of 1 a shard has one batch under way",
    alone="one batch under way for all shards",
)
def test_nothing_more_is_read_while_a_batch_is_under_way(make_records: Make) -> None:
    shard = Shard(Settings(batch_size=1))
    shard.read(make_records(2), now=0.0, ended=False, next_read=0.0)
    first = shard.next(0.0)
    assert isinstance(first, rules.Invoke)
    assert shard.next(5.0) == first


def test_a_shard_that_is_open_is_read_again_and_never_finished(make_records: Make) -> None:
    shard = Shard(Settings())
    shard.read(make_records(1), now=0.0, ended=False, next_read=7.0)
    assert isinstance(shard.next(0.0), rules.Invoke)
    shard.answered(rules.Answer(failed=False), now=0.0)
    shard.read([], now=0.0, ended=False, next_read=7.0)
    assert shard.next(1.0) == rules.Read(not_before=7.0)


def test_a_shard_is_read_again_at_once_after_a_batch_until_nothing_more_comes(
    make_records: Make,
) -> None:
    shard = Shard(Settings())
    shard.read(make_records(1), now=10.0, ended=False, next_read=11.0)
    assert isinstance(shard.next(10.0), rules.Invoke)
    shard.answered(rules.Answer(failed=False), now=10.2)
    assert shard.next(10.2) == rules.Read(not_before=10.2)
    shard.read([], now=10.2, ended=False, next_read=11.2)
    assert shard.next(10.2) == rules.Read(not_before=11.2)


def test_reading_goes_on_after_what_was_read_and_resumes_after_what_was_delivered(
    make_records: Make,
) -> None:
    shard = Shard(Settings(batch_size=1), checkpoint=0)
    shard.read(make_records(3), now=0.0, ended=False, next_read=0.0)
    assert (shard.position, shard.checkpoint) == (3, 0)
    shard.next(0.0)
    shard.answered(rules.Answer(failed=False), now=0.0)
    assert (shard.position, shard.checkpoint) == (3, 1)


@aws_rule(
    page="Lambda developer guide, Processing and batching",
    says="parents are processed to their end before their children",
    alone="children are read beside their parents",
)
def test_a_child_waits_until_each_of_its_parents_is_finished() -> None:
    merged = {"a": [], "b": [], "c": ["a", "b"]}
    assert rules.shards_to_start(merged, set()) == ["a", "b"]
    assert rules.shards_to_start(merged, {"a"}) == ["b"]
    assert rules.shards_to_start(merged, {"a", "b"}) == ["c"]


def test_a_parent_that_is_no_longer_listed_keeps_no_child_waiting() -> None:
    assert rules.shards_to_start({"c": ["expired"]}, set()) == ["c"]

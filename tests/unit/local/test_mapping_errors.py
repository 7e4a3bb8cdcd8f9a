"""What Lambda does when a function fails on Kinesis records."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.rules import Condition
from tests.local_aws import aws_rule

Drive = Callable[..., Any]
Make = Callable[..., list[rules.Record]]
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def failing_on(poison: set[int], failure: type[Exception], times: float = math.inf) -> Any:
    """Return a function that fails while its batch holds a poisoned record, so many times."""
    left = {"times": times}

    def function(batch: list[int]) -> None:
        if poison & set(batch) and left["times"] > 0:
            left["times"] -= 1
            raise failure

    return function


def identifiers(*values: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": value} for value in values]}


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="a failed batch is retried until it succeeds, expires or uses up its retries",
    alone="retried for ever",
)
def test_a_failed_batch_is_retried_whole_until_it_succeeds(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({2}, failure, times=5), batch_size=3)
    assert driver.run(make_records(3)).invoked == [[1, 2, 3]] * 6


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="until then the shard waits, other shards go on",
    alone="the whole mapping pauses after a failure",
)
def test_the_shard_waits_behind_a_failed_batch(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({1}, failure, times=2), batch_size=1)
    assert driver.run(make_records(3)).invoked == [[1], [1], [1], [2], [3]]


def test_retries_are_paused_longer_each_time_up_to_a_limit(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({1}, failure, times=8))
    pauses = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert driver.run(make_records(1)).ended_at - 1_000.0 == pytest.approx(sum(pauses))


def test_the_pause_is_bounded_by_what_a_short_minute_allows(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({1}, failure, times=4), backoff_seconds_max=0.5)
    pauses = [0.2, 0.4, 0.5, 0.5]
    assert driver.run(make_records(1)).ended_at - 1_000.0 == pytest.approx(sum(pauses))


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="after `MaximumRetryAttempts` the batch is given up",
    alone="never given up",
)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_after_the_maximum_of_retries_the_batch_is_given_up_and_the_next_one_delivered(
    drive: Drive, make_records: Make, failure: type[Exception], retries: int
) -> None:
    driver = drive(failing_on({1}, failure), batch_size=2, retries_max=retries)
    history = driver.run(make_records(3))
    assert history.discarded == [([1, 2], Condition.RETRIES, retries + 1)]
    assert history.succeeded == [3]


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="a record older than `MaximumRecordAgeInSeconds` is given up",
    alone="never given up",
)
def test_records_over_the_maximum_age_are_given_up_without_an_invocation(
    drive: Drive, make_records: Make
) -> None:
    driver = drive(lambda _: None, age_seconds_max=60)
    old, young = make_records(1, arrival=900.0), make_records(2)[1:]
    history = driver.run([*old, *young])
    assert history.discarded == [([1], Condition.AGE, 0)]
    assert history.invoked == [[2]]


def test_a_batch_that_grows_too_old_in_its_retries_is_given_up(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    history = drive(failing_on({1}, failure), age_seconds_max=60).run(make_records(2))
    (given_up, condition, invocations) = history.discarded[0]
    assert (given_up, condition) == ([1, 2], Condition.AGE)
    assert invocations == len(history.invoked) > 3
    assert 60 < history.ended_at - 1_000.0 < 60 + rules.BACKOFF_SECONDS_MAX + 1


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="`BisectBatchOnFunctionError` delivers the halves of a failed batch",
    alone="not done",
)
def test_a_split_delivers_each_half_as_a_batch_of_its_own(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    history = drive(failing_on({1}, failure, times=1), bisect=True).run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [3, 4]]


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="a split does not count as a retry",
    alone="not done",
)
def test_a_split_uses_up_no_retry(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({3}, failure), bisect=True, retries_max=1)
    history = driver.run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert history.discarded == [([3], Condition.RETRIES, 4)]


@aws_rule(
    page="Lambda developer guide, Using Lambda with Kinesis: error handling",
    says="a throttled invocation is tried again without using up a retry",
    alone="not told apart",
)
def test_throttling_before_the_invocation_uses_up_no_retry(
    drive: Drive, make_records: Make, throttled: type[Exception]
) -> None:
    driver = drive(failing_on({1}, throttled, times=20), retries_max=0)
    history = driver.run(make_records(2))
    assert (history.succeeded, history.discarded) == ([1, 2], [])


def test_throttling_lasts_until_the_records_exceed_the_maximum_age(
    drive: Drive, make_records: Make, throttled: type[Exception]
) -> None:
    driver = drive(failing_on({1}, throttled), age_seconds_max=60)
    assert driver.run(make_records(1)).discarded == [([1], Condition.AGE, 0)]


def test_an_unreachable_on_failure_destination_is_tried_again(make_records: Make) -> None:
    shard = rules.Shard(rules.Settings(retries_max=0))
    shard.read(make_records(1), now=0.0, ended=True, next_read=0.0)
    shard.next(0.0)
    shard.answered(rules.Answer(failed=True), now=0.0)
    assert isinstance(shard.next(0.0), rules.Discard)
    shard.not_discarded(now=0.0)
    assert shard.next(0.0) == rules.Wait(until=rules.BACKOFF_SECONDS_FIRST)
    assert isinstance(shard.next(rules.BACKOFF_SECONDS_FIRST), rules.Discard)


def test_each_split_starts_with_the_shortest_pause(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    history = drive(failing_on({1}, failure), bisect=True, retries_max=0).run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [1], [2], [3, 4]]
    assert history.ended_at - 1_000.0 == pytest.approx(2 * rules.BACKOFF_SECONDS_FIRST)


@shared
@given(data=st.data())
def test_every_record_is_delivered_or_given_up_once_and_in_order(
    drive: Drive, make_records: Make, failure: type[Exception], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 40))
    poison = data.draw(st.sets(st.integers(1, count), max_size=4))
    partial = data.draw(st.booleans())

    def function(batch: list[int]) -> Any:
        bad = [i for i in batch if i in poison]
        if bad and partial and data.draw(st.booleans()):
            return identifiers(*(str(i) for i in bad))
        if bad:
            raise failure
        return None

    driver = drive(
        function,
        batch_size=data.draw(st.integers(1, 12)),
        window_seconds=data.draw(st.sampled_from([0, 0.5, 3])),
        retries_max=data.draw(st.integers(0, 3)),
        bisect=data.draw(st.booleans()),
        partial_responses=partial,
    )
    sizes = data.draw(st.lists(st.integers(0, 9), max_size=10))
    history = driver.run(make_records(count), read_sizes=sizes)
    assert history.accounted == list(range(1, count + 1))
    done = history.succeeded + [i for batch, _, _ in history.discarded for i in batch]
    assert len(done) == count
    assert history.succeeded == sorted(history.succeeded)
    assert not poison & set(history.succeeded)
    if driver.settings.bisect:
        assert {i for batch, _, _ in history.discarded for i in batch} == poison


@shared
@given(data=st.data())
def test_no_record_is_ever_invoked_before_all_earlier_ones_are_done(
    drive: Drive, make_records: Make, failure: type[Exception], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 30))
    driver = drive(
        failing_on(set(range(1, count + 1, 3)), failure, times=data.draw(st.integers(0, 20))),
        batch_size=data.draw(st.integers(1, 8)),
        bisect=data.draw(st.booleans()),
    )
    history = driver.run(make_records(count))
    firsts = [batch[0] for batch in history.invoked]
    assert firsts == sorted(firsts)
    assert all(batch == list(range(batch[0], batch[-1] + 1)) for batch in history.invoked)

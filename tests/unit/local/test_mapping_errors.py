"""What Lambda does when a function fails on Kinesis records."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.rules import Condition

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


def test_a_failed_batch_is_retried_whole_until_it_succeeds(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({2}, failure, times=5), batch_size=3)
    assert driver.run(make_records(3)).invoked == [[1, 2, 3]] * 6


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


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_after_the_maximum_of_retries_the_batch_is_given_up_and_the_next_one_delivered(
    drive: Drive, make_records: Make, failure: type[Exception], retries: int
) -> None:
    driver = drive(failing_on({1}, failure), batch_size=2, retries_max=retries)
    history = driver.run(make_records(3))
    assert history.discarded == [([1, 2], Condition.RETRIES, retries + 1)]
    assert history.succeeded == [3]


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


def test_a_split_delivers_each_half_as_a_batch_of_its_own(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    history = drive(failing_on({1}, failure, times=1), bisect=True).run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [3, 4]]


def test_a_split_uses_up_no_retry(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    driver = drive(failing_on({3}, failure), bisect=True, retries_max=1)
    history = driver.run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert history.discarded == [([3], Condition.RETRIES, 4)]


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


@pytest.mark.parametrize(
    "result",
    [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}],
    ids=["null response", "empty response", "null list", "empty list"],
)
def test_an_empty_or_null_list_of_failures_is_complete_success(
    drive: Drive, make_records: Make, result: Any
) -> None:
    history = drive(lambda _: result, partial_responses=True).run(make_records(3))
    assert history.invoked == [[1, 2, 3]]


@pytest.mark.parametrize(
    "result",
    [
        identifiers(""),
        identifiers(None),
        {"batchItemFailures": [{"wrongKey": "2"}]},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": 2},
        identifiers("77"),
        identifiers("3", ""),
        "2",
    ],
    ids=["empty", "null", "wrong key", "no object", "no list", "unknown", "one of two", "text"],
)
def test_an_unusable_identifier_is_complete_failure(
    drive: Drive, make_records: Make, result: Any
) -> None:
    driver = drive(lambda _: result, partial_responses=True, retries_max=0)
    history = driver.run(make_records(3))
    assert history.discarded == [([1, 2, 3], Condition.RETRIES, 1)]


def test_of_several_identifiers_the_lowest_sequence_number_becomes_the_checkpoint(
    drive: Drive, make_records: Make
) -> None:
    answers = iter([identifiers("10", "9"), None])
    driver = drive(lambda _: next(answers), partial_responses=True)
    assert driver.run(make_records(10)).invoked == [list(range(1, 11)), [9, 10]]


def test_a_partial_failure_without_bisect_uses_up_a_retry(drive: Drive, make_records: Make) -> None:
    driver = drive(lambda _: identifiers("2"), partial_responses=True, retries_max=1)
    history = driver.run(make_records(3))
    assert history.invoked == [[1, 2, 3], [2, 3]]
    assert history.discarded == [([2, 3], Condition.RETRIES, 2)]


def test_with_bisect_a_partial_success_splits_at_the_returned_sequence_number(
    drive: Drive, make_records: Make
) -> None:
    def function(batch: list[int]) -> Any:
        return identifiers("3") if 3 in batch else None

    driver = drive(function, bisect=True, partial_responses=True, retries_max=0)
    history = driver.run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [3, 4], [3], [4]]
    assert history.discarded == [([3], Condition.RETRIES, 3)]


def test_a_partial_success_that_leaves_one_record_uses_up_no_retry_either(
    drive: Drive, make_records: Make
) -> None:
    driver = drive(lambda _: identifiers("2"), bisect=True, partial_responses=True, retries_max=0)
    assert driver.run(make_records(2)).discarded == [([2], Condition.RETRIES, 2)]


def test_each_split_starts_with_the_shortest_pause(
    drive: Drive, make_records: Make, failure: type[Exception]
) -> None:
    history = drive(failing_on({1}, failure), bisect=True, retries_max=0).run(make_records(4))
    assert history.invoked == [[1, 2, 3, 4], [1, 2], [1], [2], [3, 4]]
    assert history.ended_at - 1_000.0 == pytest.approx(2 * rules.BACKOFF_SECONDS_FIRST)


def test_without_partial_responses_what_a_function_returns_means_nothing(
    drive: Drive, make_records: Make
) -> None:
    history = drive(lambda _: identifiers("1")).run(make_records(2))
    assert history.invoked == [[1, 2]]


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

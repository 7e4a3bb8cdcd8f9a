"""What Lambda does when a function says which records of a batch failed."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.rules import Condition
from tests.local_aws import aws_rule

Drive = Callable[..., Any]
Make = Callable[..., list[rules.Record]]


def identifiers(*values: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": value} for value in values]}


@aws_rule(
    page="Lambda developer guide, Configuring partial batch response with Kinesis and Lambda",
    says="an empty or null `batchItemFailures` is complete success",
    alone="partial responses are ignored",
)
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


@aws_rule(
    page="Lambda developer guide, Configuring partial batch response with Kinesis and Lambda",
    says="an empty or null identifier or a wrong key is complete failure",
    alone="partial responses are ignored",
)
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


@aws_rule(
    page="Lambda developer guide, Configuring partial batch response with Kinesis and Lambda",
    says="of several identifiers the lowest is the checkpoint; all from there on is retried",
    alone="partial responses are ignored",
)
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


@aws_rule(
    page="Lambda developer guide, Configuring partial batch response with Kinesis and Lambda",
    says="with bisect on, a partial success splits there and only the rest is retried",
    alone="partial responses are ignored",
)
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


def test_without_partial_responses_what_a_function_returns_means_nothing(
    drive: Drive, make_records: Make
) -> None:
    history = drive(lambda _: identifiers("1")).run(make_records(2))
    assert history.invoked == [[1, 2]]

"""The producer against a Kinesis that fails as it is told to, over HTTP."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audit.history import Answer
from pipeline.errors import BrokenInvariant, UserError
from pipeline.producer.answers import Answered
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.outcomes import Outcome
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from tests.unit.producer.conftest import KEYS, QUICK, Make, fates, put_numbers


def test_every_event_is_stored_and_acknowledged(
    kinesis: Any, make: Make, answers: list[Answered[int]]
) -> None:
    with make() as producer:
        put_numbers(producer, range(1_000))
    assert fates(answers) == dict.fromkeys(range(1_000), Answer.ACKNOWLEDGED)
    assert sorted(kinesis.events, key=int) == [b"%d" % number for number in range(1_000)]
    assert all(a.sent_us is not None and a.sent_us <= a.answered_us for a in answers)


def test_only_the_failed_entries_of_a_request_are_sent_again(kinesis: Any, make: Make) -> None:
    kinesis.next_fails(1, 2)
    with make(ProducerSettings(lanes=4, linger_ms=60_000, requests_in_flight=1)) as producer:
        put_numbers(producer, range(4))
        producer.flush()
    first, *again = kinesis.requests
    assert len(first) == 4
    assert sorted(entry.hash_key for request in again for entry in request) == sorted(
        (first[1].hash_key, first[2].hash_key)
    )
    assert sorted(kinesis.events) == [b"0", b"1", b"2", b"3"]
    assert producer.metrics().retries == 2
    assert producer.metrics().throttles == 2


def test_a_lost_answer_is_asked_for_with_the_same_bytes_and_the_same_key(
    kinesis: Any, make: Make, answers: list[Answered[int]]
) -> None:
    kinesis.next_loses_its_answer()
    with make() as producer:
        producer.put(table="t", key="a", body=b"1", tag=1)
        producer.flush()
        producer.put(table="t", key="a", body=b"2", tag=2)
    first, copy, second = kinesis.stored
    assert copy == first
    assert (second.hash_key, second.events) == (first.hash_key, [b"2"])
    assert fates(answers) == {1: Answer.ACKNOWLEDGED, 2: Answer.ACKNOWLEDGED}
    assert answers[0].attempts == 2


@pytest.mark.parametrize(
    "answer",
    [b"<html>not JSON", {"FailedRecordCount": 0, "Records": []}],
    ids=["not JSON", "fewer entries than records"],
)
def test_an_answer_that_makes_no_sense_proves_nothing(
    kinesis: Any, make: Make, answers: list[Answered[int]], answer: Any
) -> None:
    kinesis.next_says(answer)
    with make() as producer:
        producer.put(table="t", key="a", body=b"1", tag=1)
    assert kinesis.stored[0] == kinesis.stored[1]
    assert fates(answers) == {1: Answer.ACKNOWLEDGED}


def test_answers_are_told_one_at_a_time(kinesis: Any, make: Make) -> None:
    """So that a listener needs no lock of its own."""
    meeting = threading.Barrier(2)
    met: list[int] = []

    def listen(answered: Answered[int]) -> None:
        try:
            met.append(meeting.wait(0.05))
        except threading.BrokenBarrierError:
            meeting.reset()

    kinesis.open.clear()
    with make(QUICK, listen) as producer:
        for number in range(4):
            producer.put(table="t", key=KEYS[number], body=b"1", tag=number)
            assert kinesis.arrived.acquire(timeout=60)
        kinesis.open.set()
    assert producer.metrics().acknowledged == 4
    assert met == []


@given(st.data())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_fails_the_events_of_a_key_are_stored_in_their_order(
    kinesis: Any, data: st.DataObject
) -> None:
    kinesis.script.clear()
    kinesis.stored.clear()
    for _ in range(data.draw(st.integers(0, 8))):
        kind = data.draw(st.sampled_from(["throttle", "internal", "lost", "500"]))
        if kind == "lost":
            kinesis.next_loses_its_answer()
        elif kind == "500":
            kinesis.next_errors(500, "InternalFailure")
        else:
            places = data.draw(st.sets(st.integers(0, 3)))
            code = (
                "InternalFailure"
                if kind == "internal"
                else "ProvisionedThroughputExceededException"
            )
            written = kind == "internal" and data.draw(st.booleans())
            kinesis.next_fails(*places, code=code, written=written)
    chosen = QUICK.model_copy(update={"attempts_max": 20, "record_events": 3})
    answered: list[Answered[int]] = []
    with (
        closing(kinesis.client(chosen)) as client,
        Producer[int](KinesisTransport(client, "stream"), chosen, answered.append) as producer,
    ):
        for first in range(0, 60, 6):
            put_numbers(producer, range(first, first + 6))
    assert set(fates(answered).values()) == {Answer.ACKNOWLEDGED}
    for lane in range(4):
        firsts = dict.fromkeys(n for n in map(int, kinesis.events) if n % 4 == lane)
        assert list(firsts) == list(range(lane, 60, 4))


@pytest.mark.parametrize(
    "case",
    [
        (lambda k: k.next_errors(400, "ValidationException"), Answer.REFUSED, 1),
        (lambda k: k.next_errors(400, "LimitExceededException", times=4), Answer.REFUSED, 4),
        (lambda k: [k.next_fails(0) for _ in range(4)], Answer.REFUSED, 4),
        (lambda k: k.next_errors(500, "InternalFailure", times=4), Answer.UNKNOWN, 4),
        (lambda k: k.next_loses_its_answer(times=4), Answer.UNKNOWN, 4),
        (
            lambda k: [k.next_loses_its_answer(), *(k.next_fails(0) for _ in range(3))],
            Answer.UNKNOWN,
            4,
        ),
    ],
    ids=[
        "a request that is wrong is refused at once",
        "throttled to the end is refused",
        "an entry throttled to the end is refused",
        "5xx to the end is unknown",
        "answers lost to the end are unknown",
        "once perhaps written stays unknown whatever is said later",
    ],
)
def test_what_is_given_up_is_called_refused_only_if_it_was_never_written(
    kinesis: Any,
    make: Make,
    answers: list[Answered[int]],
    case: tuple[Callable[[Any], object], Answer, int],
) -> None:
    prepare, answer, requests = case
    prepare(kinesis)
    with make() as producer:
        producer.put(table="t", key="a", body=b"1", tag=1)
    assert fates(answers) == {1: answer}
    assert len(kinesis.requests) == requests
    metrics = producer.metrics()
    assert {a: getattr(metrics, a) for a in Answer} == {a: int(a is answer) for a in Answer}


def test_retries_end_when_their_time_is_over(
    kinesis: Any, make: Make, answers: list[Answered[int]]
) -> None:
    kinesis.next_errors(400, "LimitExceededException", times=1_000)
    chosen = QUICK.model_copy(update={"attempts_max": 1_000, "retry_seconds_max": 1.0})
    with make(chosen) as producer:
        producer.put(table="t", key="a", body=b"1", tag=1)
    assert fates(answers) == {1: Answer.REFUSED}
    assert 1 < len(kinesis.requests) < 1_000


def test_nobody_listening_means_nothing_was_written(
    kinesis: Any, answers: list[Answered[int]]
) -> None:
    kinesis.port = 1
    with (
        closing(kinesis.client(QUICK)) as client,
        Producer(KinesisTransport(client, "stream"), QUICK, answers.append) as producer,
    ):
        producer.put(table="t", key="a", body=b"1", tag=1)
    assert fates(answers) == {1: Answer.REFUSED}
    assert answers[0].outcome is Outcome.UNSENT


@pytest.mark.parametrize("body", [b"", b'{"a":\n1}', b"x" * 1_000_001])
def test_an_event_that_cannot_be_one_line_of_a_record_is_the_callers_mistake(
    make: Make, body: bytes
) -> None:
    producer = make()
    with pytest.raises(UserError):
        producer.put_many(table="t", keys=["a", "b"], bodies=[b"1", body], tags=[1, 2])
    assert producer.metrics().events == 0


def test_a_client_that_retries_by_itself_is_refused(kinesis: Any) -> None:
    with (
        closing(boto3.session.Session().client("kinesis", region_name="us-east-1")) as client,
        pytest.raises(UserError, match="client_config"),
    ):
        KinesisTransport(client, "stream")


def test_a_defect_of_the_listener_reaches_the_caller_instead_of_being_lost(make: Make) -> None:
    def fails(_: Answered[int]) -> None:
        raise ZeroDivisionError

    producer = make(QUICK, fails)
    producer.put(table="t", key="a", body=b"1", tag=1)
    with pytest.raises(BrokenInvariant) as raised:
        producer.flush(60)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    with pytest.raises(BrokenInvariant):
        producer.put(table="t", key="a", body=b"2", tag=2)


def test_metrics_count_what_was_done(make: Make) -> None:
    with make() as producer:
        put_numbers(producer, range(100))
        producer.flush()
        metrics = producer.metrics()
    assert (metrics.events, metrics.acknowledged, metrics.buffered_bytes) == (100, 100, 0)
    assert metrics.event_bytes == sum(len(b"%d\n" % number) for number in range(100))
    assert 1 <= metrics.requests <= metrics.records
    assert metrics.sent_bytes > 0

"""A full buffer slows the caller, and a hurried close still answers everything."""

import threading
from typing import Any

import pytest

from pipeline.audit.history import Answer
from pipeline.errors import OperatingError
from pipeline.producer.answers import Answered, BufferFull
from tests.unit.producer.conftest import QUICK, Make, fates, put_numbers


def test_a_full_buffer_slows_the_caller_and_takes_in_nothing_of_the_call_that_failed(
    kinesis: Any, make: Make, answers: list[Answered[int]]
) -> None:
    kinesis.open.clear()
    producer = make(QUICK.model_copy(update={"buffer_bytes_max": 10, "put_seconds_max": 0.05}))
    put_numbers(producer, range(5))
    with pytest.raises(BufferFull):
        put_numbers(producer, range(5, 7))
    assert producer.metrics().buffered_bytes == 10
    assert producer.metrics().held_back_ms >= 50
    kinesis.open.set()
    producer.flush(60)
    assert fates(answers) == dict.fromkeys(range(5), Answer.ACKNOWLEDGED)


def test_a_caller_that_waits_goes_on_as_soon_as_there_is_room(kinesis: Any, make: Make) -> None:
    kinesis.open.clear()
    producer = make(QUICK.model_copy(update={"buffer_bytes_max": 10}))
    put_numbers(producer, range(5))
    waiting = threading.Thread(target=put_numbers, args=(producer, range(5, 7)))
    waiting.start()
    assert producer.metrics().events == 5
    kinesis.open.set()
    waiting.join(60)
    producer.close(60)
    assert sorted(kinesis.events) == [b"%d" % number for number in range(7)]


def test_a_call_larger_than_the_buffer_is_taken_in_once_it_is_empty(
    kinesis: Any, make: Make
) -> None:
    with make(QUICK.model_copy(update={"buffer_bytes_max": 10})) as producer:
        put_numbers(producer, range(100))
        put_numbers(producer, range(100, 200))
    assert len(kinesis.events) == 200


def test_closing_in_a_hurry_answers_everything_and_says_what_is_certain(
    kinesis: Any, make: Make, answers: list[Answered[int]]
) -> None:
    kinesis.open.clear()
    kinesis.next_loses_its_answer()
    producer = make(QUICK.model_copy(update={"record_events": 1, "lanes": 1}))
    put_numbers(producer, range(3))
    assert kinesis.arrived.acquire(timeout=60), "the first record is on its way"
    closer = threading.Thread(target=producer.close, args=(0.05,))
    closer.start()
    while len(answers) < 2:
        closer.join(0.01)
    kinesis.open.set()
    closer.join(60)
    assert fates(answers) == {0: Answer.UNKNOWN, 1: Answer.REFUSED, 2: Answer.REFUSED}
    with pytest.raises(OperatingError, match="closed"):
        put_numbers(producer, range(1))

"""What a failure of Pulsar's client means: one line for a person, one outcome for a record."""

from pathlib import Path

import pulsar
import pytest
from pulsar import Result

from pipeline.core.records import ShardId
from pipeline.producer.outcomes import Outcome
from pipeline.producer.pulsar_lane import of_connect, of_error, of_send
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_client import (
    fewer,
    partition_of,
    shard_of,
    silence,
    topic_of,
    trouble,
)

CONNECTION = PulsarConnection(
    service_url="pulsar+ssl://broker:6651",
    topic="persistent://public/default/flights",
    token_file=Path("/run/token"),
)


@pytest.mark.parametrize(
    ("error", "says", "retryable"),
    [
        (pulsar.Timeout("x"), "does it speak TLS on this port, is the token in /run/token", True),
        (pulsar.ConnectError("x"), "is it up", True),
        (pulsar.AuthenticationError("x"), "put a valid one into /run/token", True),
        (pulsar.AuthorizationError("x"), "grant it produce or consume", True),
        (pulsar.TopicNotFound("x"), "create it, with partitions", False),
        (pulsar.IncompatibleSchema("x"), "delete the schema", True),
        (pulsar.ChecksumError("spoilt"), "spoilt", True),
    ],
)
def test_a_failure_says_what_where_and_what_to_do(
    error: pulsar.PulsarException, says: str, retryable: bool
) -> None:
    said = trouble(error, CONNECTION, "read the stream", shard=ShardId("flights-3"))
    assert str(said).startswith("cannot read the stream at pulsar+ssl://broker:6651: ")
    assert says in str(said)
    assert "\n" not in str(said)
    assert (said.shard, said.retryable) == ("flights-3", retryable)


def test_a_connection_without_a_token_is_asked_for_one() -> None:
    without = CONNECTION.model_copy(update={"token_file": None})
    refused = trouble(pulsar.AuthenticationError("x"), without, "send")
    assert "name a token_file" in str(refused)


def test_silence_may_be_a_token_that_ended() -> None:
    said = str(silence(CONNECTION))
    assert said.startswith("no broker of pulsar+ssl://broker:6651 is there; is it up")
    assert "is the token in /run/token still good?" in said


def test_a_partition_has_one_shard_and_a_shard_one_topic() -> None:
    shard = shard_of(CONNECTION, 12)
    assert shard == "flights-12"
    assert partition_of(shard) == 12
    assert topic_of(CONNECTION, shard) == "persistent://public/default/flights-partition-12"


def test_only_partitions_that_are_gone_are_trouble() -> None:
    two = (ShardId("flights-0"), ShardId("flights-1"))
    assert fewer(CONNECTION, two, two[:1]) is None
    said = fewer(CONNECTION, two[:1], two)
    assert said is not None
    assert "has 1 partitions and had more (flights-1)" in str(said)


@pytest.mark.parametrize(
    ("result", "sent", "unmade"),
    [
        (Result.Ok, Outcome.WRITTEN, Outcome.WRITTEN),
        (Result.Timeout, Outcome.UNKNOWN, Outcome.UNSENT),
        (Result.AlreadyClosed, Outcome.UNKNOWN, Outcome.UNSENT),
        (Result.ProducerBusy, Outcome.UNKNOWN, Outcome.UNSENT),
        (Result.AuthenticationError, Outcome.UNKNOWN, Outcome.UNSENT),
        (Result.ProducerQueueIsFull, Outcome.THROTTLED, Outcome.UNSENT),
        (Result.MessageTooBig, Outcome.REJECTED, Outcome.UNSENT),
        # What the client may meet on its way back, when its first attempt was written already:
        (Result.ProducerBlockedQuotaExceededError, Outcome.UNKNOWN, Outcome.THROTTLED),
        (Result.ProducerBlockedQuotaExceededException, Outcome.UNKNOWN, Outcome.THROTTLED),
        (Result.AuthorizationError, Outcome.UNKNOWN, Outcome.REJECTED),
        (Result.TopicNotFound, Outcome.UNKNOWN, Outcome.REJECTED),
        (Result.TopicTerminated, Outcome.UNKNOWN, Outcome.REJECTED),
    ],
)
def test_an_answer_proves_no_more_than_it_says(
    result: Result, sent: Outcome, unmade: Outcome
) -> None:
    assert of_send(result) is sent
    assert of_connect(result) is unmade


def test_an_error_that_is_raised_means_what_its_answer_does() -> None:
    assert of_error(pulsar.ProducerBlockedQuotaExceededError("x")) is Outcome.THROTTLED
    assert of_error(pulsar.TopicNotFound("x")) is Outcome.REJECTED
    assert of_error(pulsar.PulsarException("x")) is Outcome.UNSENT

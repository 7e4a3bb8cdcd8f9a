"""What a Kafka error proves about a record: it is called unwritten only where that is certain."""

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.producer.kafka import of_error
from pipeline.producer.outcomes import Outcome

CODES = {
    name: code for name in dir(KafkaError) if isinstance(code := getattr(KafkaError, name), int)
}

PROOFS = {
    "_QUEUE_FULL": Outcome.THROTTLED,
    "THROTTLING_QUOTA_EXCEEDED": Outcome.THROTTLED,
    "_UNKNOWN_PARTITION": Outcome.UNSENT,
    "_UNKNOWN_TOPIC": Outcome.UNSENT,
    "UNKNOWN_TOPIC_OR_PART": Outcome.UNSENT,
    "CLUSTER_AUTHORIZATION_FAILED": Outcome.REJECTED,
    "INVALID_RECORD": Outcome.REJECTED,
    "INVALID_REQUIRED_ACKS": Outcome.REJECTED,
    "MSG_SIZE_TOO_LARGE": Outcome.REJECTED,
    "POLICY_VIOLATION": Outcome.REJECTED,
    "RECORD_LIST_TOO_LARGE": Outcome.REJECTED,
    "TOPIC_AUTHORIZATION_FAILED": Outcome.REJECTED,
    "TOPIC_EXCEPTION": Outcome.REJECTED,
    "UNSUPPORTED_FOR_MESSAGE_FORMAT": Outcome.REJECTED,
    "_INVALID_ARG": Outcome.REJECTED,
}


@pytest.mark.parametrize("name", sorted(CODES))
def test_each_code_of_the_client_is_a_proof_or_unknown(name: str) -> None:
    assert of_error(KafkaError(CODES[name])) is PROOFS.get(name, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    "name",
    [
        "_MSG_TIMED_OUT",
        "_PURGE_INFLIGHT",
        "_PURGE_QUEUE",
        "_TRANSPORT",
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "REQUEST_TIMED_OUT",
    ],
)
def test_what_may_hide_a_write_is_unknown(name: str) -> None:
    assert of_error(KafkaError(CODES[name])) is Outcome.UNKNOWN


@given(st.integers(-1_000, 1_000).filter(lambda code: code not in CODES.values()))
def test_a_code_that_nobody_knows_is_no_proof(code: int) -> None:
    assert of_error(KafkaError(code)) is Outcome.UNKNOWN

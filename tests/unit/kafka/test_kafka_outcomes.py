"""What a Kafka error proves about a record: it is called unwritten only where that is certain."""

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.producer.kafka import of_report
from pipeline.producer.outcomes import Outcome

CODES = {
    name: code for name in dir(KafkaError) if isinstance(code := getattr(KafkaError, name), int)
}

PROOFS = {
    "INVALID_RECORD",
    "INVALID_REQUIRED_ACKS",
    "MSG_SIZE_TOO_LARGE",
    "RECORD_LIST_TOO_LARGE",
    "TOPIC_EXCEPTION",
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    "_INVALID_ARG",
}


@pytest.mark.parametrize("name", sorted(CODES))
def test_each_code_of_the_client_is_a_proof_or_unknown(name: str) -> None:
    said = of_report(KafkaError(CODES[name]))
    assert said is (Outcome.REJECTED if name in PROOFS else Outcome.UNKNOWN)


@pytest.mark.parametrize(
    "name",
    [
        "_MSG_TIMED_OUT",
        "_PURGE_INFLIGHT",
        "_PURGE_QUEUE",
        "_TRANSPORT",
        "CLUSTER_AUTHORIZATION_FAILED",
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "REQUEST_TIMED_OUT",
        "THROTTLING_QUOTA_EXCEEDED",
        "TOPIC_AUTHORIZATION_FAILED",
        "UNKNOWN_TOPIC_OR_PART",
        "_UNKNOWN_PARTITION",
    ],
)
def test_what_may_hide_a_write_is_unknown(name: str) -> None:
    assert of_report(KafkaError(CODES[name])) is Outcome.UNKNOWN


@given(st.integers(-1_000, 1_000).filter(lambda code: code not in CODES.values()))
def test_a_code_that_nobody_knows_is_no_proof(code: int) -> None:
    assert of_report(KafkaError(code)) is Outcome.UNKNOWN

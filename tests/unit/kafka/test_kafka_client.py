"""How a Kafka client is set up, and how its complaints become one line."""

import logging
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Message
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError, UserError
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import record_from_message
from pipeline.sources.kafka_client import (
    Complaints,
    client_settings,
    partition_of,
    shard_of,
    trouble_of,
)

PLAIN = KafkaConnection(bootstrap_servers="broker:9092", topic="flights")
TOPICS = st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True)


@given(topic=TOPICS, number=st.integers(0, 10**6))
def test_a_shard_names_its_topic_and_partition(topic: str, number: int) -> None:
    shard = shard_of(topic, number)
    assert partition_of(topic, shard) == number
    with pytest.raises(UserError, match="its own ledger"):
        partition_of(f"{topic}x", shard)


@pytest.mark.parametrize("shard", ["flights-", "flights-x", "flights-²", "flights", "-1"])
def test_what_is_no_partition_is_refused(shard: str) -> None:
    with pytest.raises(UserError):
        partition_of("flights", ShardId(shard))


@given(
    offset=st.integers(0, 2**62),
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    at=st.integers(0, 2**45),
)
def test_every_message_becomes_a_record(
    offset: int, key: bytes | None, value: bytes | None, at: int
) -> None:
    record = record_from_message(
        Message(topic="t", partition=0, offset=offset, key=key, value=value, timestamp=(2, at))
    )
    assert (record.position, record.arrival_ms, record.data) == (offset, at, value or b"")
    assert record.partition_key == (key or b"").decode("utf-8", "replace")


def test_plaintext_names_no_security() -> None:
    settings = client_settings(PLAIN, Complaints())
    assert "security.protocol" not in settings
    assert settings["allow.auto.create.topics"] is False


def test_tls_trusts_the_given_authority(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("")
    tls = PLAIN.model_copy(update={"security": "tls", "ca_file": ca_file})
    settings = client_settings(tls, Complaints())
    assert (settings["security.protocol"], settings["ssl.ca.location"]) == ("ssl", str(ca_file))


def test_iam_signs_by_the_processs_role_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is MSK's own: a signed kafka-cluster:Connect that lives for 15 minutes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    iam = PLAIN.model_copy(update={"security": "iam", "region": "eu-central-1"})
    settings = client_settings(iam, Complaints())
    assert settings["security.protocol"] == "sasl_ssl"
    assert settings["sasl.mechanisms"] == "OAUTHBEARER"
    token, expires = settings["oauth_cb"]("")
    assert len(token) > 100
    assert 800 < expires - time.time() < 1_000


def test_iam_without_a_region_is_refused() -> None:
    with pytest.raises(UserError, match="needs a region"):
        client_settings(PLAIN.model_copy(update={"security": "iam"}), Complaints())


def test_a_token_that_cannot_be_renewed_leaves_the_old_one_for_a_moment() -> None:
    made = iter([("first", 100.0)])
    complaints = Complaints()
    iam = PLAIN.model_copy(update={"security": "iam"})
    callback = client_settings(iam, complaints, token=lambda: next(made))["oauth_cb"]
    token, expires = callback("")
    assert token == "first"
    assert 0 < expires - time.time() < 60
    assert "SASL: no new token" in str(complaints.unreachable(iam, ""))


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            "ssl://b:1/bootstrap: SSL handshake failed: connecting to a PLAINTEXT broker listener?"
            " (after 3ms in state SSL_HANDSHAKE)",
            "set security to plaintext",
        ),
        (
            "b:1/bootstrap: Disconnected: connection closed by peer (after 1ms in state"
            " APIVERSION_QUERY)",
            "set security to tls or iam",
        ),
        (
            "b:1/1: ApiVersionRequest failed: Local: Timed out: probably due to broker version"
            " < 0.10 (see api.version.request configuration) (after 10000ms in state"
            " APIVERSION_QUERY)",
            "failed: Local: Timed out; see that the broker runs",
        ),
        ("ssl://b:1/1: broker certificate could not be verified", "set ca_file"),
        ("sasl_ssl://b:1/1: SASL authentication error: denied", "kafka-cluster:Connect"),
        ("b:1/bootstrap: Failed to resolve 'b:1'", "can look up"),
        ("b:1/1: Connect to ipv4#1.2.3.4:1 failed: Connection refused", "the broker runs"),
        ("", "the broker runs"),
    ],
)
def test_each_complaint_ends_with_what_to_do(said: str, hint: str) -> None:
    complaints = Complaints()
    complaints(KafkaError(KafkaError._TRANSPORT, said))
    text = str(complaints.unreachable(PLAIN, "no answer"))
    assert text.startswith("cannot reach Kafka at broker:9092: ")
    assert hint in text
    assert "after" not in text
    assert "bootstrap:" not in text


def test_a_client_is_down_until_its_broker_answers() -> None:
    complaints = Complaints()
    complaints(KafkaError(KafkaError._TRANSPORT, "one broker went"))
    assert not complaints.down
    complaints(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert complaints.down
    assert "one broker went" in str(complaints.unreachable(PLAIN, "no answer"))
    complaints.answered()
    assert not complaints.down


def test_errors_of_the_client_are_logged_and_lost_connections_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    complaints = Complaints()
    form = "%s [%s] %s"
    complaints.log(logging.CRITICAL, form, "FATAL", "sluice", "it cannot go on")
    complaints.log(logging.INFO, form, "REQTMOUT", "sluice", "never mind")
    complaints.log(logging.INFO, form, "FAIL", "sluice", "[thrd:b/1]: b:1/1: it went away")
    assert [record.message for record in caplog.records] == ["sluice: FATAL: it cannot go on"]
    assert "9092: it went away;" in str(complaints.unreachable(PLAIN, "no answer"))


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "there is no Kafka topic flights at broker:9092"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "kafka-cluster:DescribeTopic, ReadData"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "group sluice .*kafka-cluster:AlterGroup"),
        (KafkaError.LEADER_NOT_AVAILABLE, "Kafka topic flights at broker:9092: "),
    ],
)
def test_an_error_of_the_topic_says_what_to_do(code: int, part: str) -> None:
    for error in (KafkaError(code), KafkaException(KafkaError(code))):
        with pytest.raises(OperatingError, match=part):
            raise trouble_of(PLAIN, error)

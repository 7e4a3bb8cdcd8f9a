"""A local Kafka is asked anew while the node that was named has died, and no longer than that."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.local.brokers import kafka
from infra.local.brokers.kafka import LocalKafka

Answers = Iterator[int | None]


def answered(code: int | None) -> dict[str, Future[None]]:
    future: Future[None] = Future()
    if code is None:
        future.set_result(None)
    else:
        future.set_exception(KafkaException(KafkaError(code)))
    return {"kept": future}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a Kafka that answers with these codes, one a request, and then holds the topic."""

    def make(*codes: int | None) -> LocalKafka:
        answers: Answers = iter(codes)
        topic = SimpleNamespace(error=None, partitions={0: None})
        admin = SimpleNamespace(
            create_topics=lambda _: answered(next(answers)),
            incremental_alter_configs=lambda _: answered(next(answers)),
            list_topics=lambda timeout: SimpleNamespace(topics={"kept": topic}),
        )
        monkeypatch.setattr(LocalKafka, "_admin", lambda self: admin)
        return LocalKafka(folder=tmp_path, port=1, controller_port=2)

    return make


@pytest.mark.parametrize("silent", [KafkaError._TIMED_OUT, KafkaError._TRANSPORT])
def test_who_does_not_answer_is_asked_anew(broker: Any, silent: int) -> None:
    broker(silent, silent, None).retain("kept", hours=24)


def test_what_was_done_though_nobody_said_so_is_done(broker: Any) -> None:
    broker(KafkaError._TIMED_OUT, KafkaError.TOPIC_ALREADY_EXISTS).create_topic("kept")


def test_what_others_did_before_is_refused(broker: Any) -> None:
    with pytest.raises(KafkaException, match="TOPIC_ALREADY_EXISTS"):
        broker(KafkaError.TOPIC_ALREADY_EXISTS).create_topic("kept")


def test_a_refusal_is_told_at_once(broker: Any) -> None:
    with pytest.raises(KafkaException, match="INVALID_CONFIG"):
        broker(KafkaError.INVALID_CONFIG).retain("kept", hours=24)


def test_nobody_is_asked_for_ever(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ADMIN_SECONDS_MAX", 0.0)
    with pytest.raises(KafkaException, match="_TIMED_OUT"):
        broker(KafkaError._TIMED_OUT, None).retain("kept", hours=24)

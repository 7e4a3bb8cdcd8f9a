"""What the broker does not note of the group's offsets is said, once a trouble."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from pipeline.core.records import Position
from pipeline.sources.kafka_client import shard_of
from pipeline.sources.kafka_group import GroupOffsets

TOPIC = "events"
SHARD = shard_of(TOPIC, 0)


def answer(offsets: GroupOffsets, error: KafkaError | None) -> None:
    place: Any = SimpleNamespace(partition=0, error=error)
    offsets.answered(None, [place])


def test_a_trouble_is_said_once_until_the_broker_notes_offsets_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="sluice.kafka")
    offsets = GroupOffsets(TOPIC)
    refused = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    for error in (None, refused, refused, None, refused):
        answer(offsets, error)
    assert len(caplog.messages) == 2
    assert SHARD in caplog.messages[0]
    assert "authorization" in caplog.messages[0].lower()


def test_the_newest_offset_of_a_partition_is_sent() -> None:
    offsets, sent = GroupOffsets(TOPIC), []
    offsets.add(SHARD, Position(3))
    offsets.add(SHARD, Position(5))
    consumer: Any = SimpleNamespace(
        commit=lambda offsets, asynchronous: sent.extend(o.offset for o in offsets)
    )
    offsets.send(consumer)
    offsets.send(consumer)
    assert sent == [6]

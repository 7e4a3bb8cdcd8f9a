"""The producer on a real stream: events arrive whole and in order, before and after a split."""

from collections import defaultdict
from contextlib import closing
from typing import Any

import boto3

from pipeline.audit.history import Answer
from pipeline.producer.answers import Answered
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings, client_config

SETTINGS = ProducerSettings(lanes=8, linger_ms=5, record_bytes=20_000)
KEYS = [f"key-{number}" for number in range(50)]


def test_the_events_of_a_key_arrive_in_order_through_a_split(stream: Any) -> None:
    answers: list[Answered[int]] = []
    session = boto3.session.Session()
    with (
        closing(
            session.client("kinesis", config=client_config(SETTINGS), **stream.where)
        ) as client,
        Producer[int](KinesisTransport(client, stream.name), SETTINGS, answers.append) as producer,
    ):
        for first in range(0, 20_000, 1_000):
            numbers = range(first, first + 1_000)
            producer.put_many(
                table="t",
                keys=[KEYS[number % 50] for number in numbers],
                bodies=[b"%d" % number for number in numbers],
                tags=numbers,
            )
            if first == 10_000:
                producer.flush(120)
                stream.split_first_shard()
    assert {answered.answer for answered in answers} == {Answer.ACKNOWLEDGED}
    shards = stream.lines()
    assert len([lines for lines in shards.values() if lines]) == 4
    by_key: dict[int, list[int]] = defaultdict(list)
    # Shards are listed parents first, so reading them one by one keeps the order of a key.
    for lines in shards.values():
        for number in map(int, lines):
            by_key[number % 50].append(number)
    assert by_key == {key: list(range(key, 20_000, 50)) for key in range(50)}

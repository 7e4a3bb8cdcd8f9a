"""Producers that number what they send, and remember what was acknowledged; and a reader of it."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import pulsar

KEYS: Final = 97
BURST: Final = 10
PAUSE_SECONDS: Final = 0.05
PADDING: Final = b"." * 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the cluster said of one message."""

    producer: int
    number: int
    good: bool
    partition: int
    sent_at: float
    """Monotonic time, in seconds."""


def body(producer: int, number: int) -> bytes:
    return b"%d:%d:%s" % (producer, number, PADDING)


def key_of(number: int) -> str:
    return str(number % KEYS)


def name_of(data: bytes) -> tuple[int, int]:
    producer, number, _ = data.split(b":")
    return int(producer), int(number)


@dataclass(kw_only=True)
class Load:
    """Several producers, each with the numbers 0, 1, ... as its sequence ids, until stopped."""

    client: pulsar.Client
    topic: str
    producers: int
    answers: deque[Answer] = field(default_factory=deque)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for producer in range(self.producers):
            thread = threading.Thread(target=self._send, args=(producer,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds_max: float) -> None:
        """Stop sending, and wait for what is unanswered."""
        self._stop.set()
        deadline = time.monotonic() + seconds_max
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), "a producer still waits for answers"

    def acknowledged(self) -> set[tuple[int, int]]:
        """The messages that the cluster has said it has, by producer and number."""
        return {(a.producer, a.number) for a in list(self.answers) if a.good}

    def partitions_answered_since(self, moment: float) -> set[int]:
        """The partitions that took something that was sent after that moment."""
        return {a.partition for a in list(self.answers) if a.good and a.sent_at > moment}

    def _send(self, producer: int) -> None:
        with closing(open_producer(self.client, self.topic, producer)) as sender:
            number = 0
            while not self._stop.is_set():
                self._send_one(sender, producer, number)
                number += 1
                if number % BURST == 0:
                    self._stop.wait(PAUSE_SECONDS)
            sender.flush()

    def _send_one(self, sender: pulsar.Producer, producer: int, number: int) -> None:
        sent_at = time.monotonic()

        def answered(result: pulsar.Result, message_id: pulsar.MessageId) -> None:
            self.answers.append(
                Answer(
                    producer=producer,
                    number=number,
                    good=result == pulsar.Result.Ok,
                    partition=message_id.partition(),
                    sent_at=sent_at,
                )
            )

        sender.send_async(
            body(producer, number),
            answered,
            partition_key=key_of(number),
            sequence_id=number,
        )


def open_producer(client: pulsar.Client, topic: str, producer: int) -> pulsar.Producer:
    """A producer whose name and numbers the brokers know again after any of them was lost."""
    return client.create_producer(
        topic,
        producer_name=f"test-{producer}",
        # It tries for ever: a time-out would leave a message of which nobody knows.
        send_timeout_millis=0,
        # The client names a batch by its first number alone: the later ones, sent again in another
        # batch, would be copies that no broker knows. One message, one number.
        batching_enabled=False,
        block_if_queue_full=True,
        max_pending_messages=500,
    )


def read_all(client: pulsar.Client, topic: str, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Every message of every partition from its oldest, with its partition."""
    for partition in range(partitions):
        with closing(
            client.create_reader(f"{topic}-partition-{partition}", pulsar.MessageId.earliest)
        ) as reader:
            while reader.has_message_available():
                yield partition, reader.read_next(60_000).data()

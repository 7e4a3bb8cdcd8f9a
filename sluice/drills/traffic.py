"""Events that a drill sends from before the fault until after the recovery, with their history."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

import numpy as np

from loadtests import poison
from loadtests.history import History
from loadtests.plan import SourcePlan
from loadtests.run import LOAD_FILE
from loadtests.scripts import DeparturesScript
from pipeline.audit.history import Answer
from pipeline.domain.contracts import DEPARTURES
from pipeline.environment import wall_clock_ms
from pipeline.producer.answers import Answered, BufferFull
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transports import transport_for
from sluice.stack import Stack

TICK_SECONDS: Final = 0.05
CLOSE_SECONDS_MAX: Final = 60.0
AIRCRAFT_ROWS: Final = 20_000
"""Departures that are replayed again and again."""
SENDER: Final = "drill-0"
PRODUCER: Final = ProducerSettings()

KeyOf = Callable[[str], str]


class Traffic(threading.Thread):
    """Departures at a steady rate through the real producer, until it is stopped.

    What it does wrong can be switched while it runs: `spoil_every` breaks every n-th event (0:
    none), `clock_ms` is how far the producer's clock is ahead, `rate` is events a second.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        rate: float,
        settings: ProducerSettings = PRODUCER,
        key_of: KeyOf = lambda key: key,
    ) -> None:
        super().__init__(name="drill-traffic", daemon=True)
        run = f"d{secrets.token_hex(5)}"
        self.folder = stack.loads / run
        self.rate, self.spoil_every, self.clock_ms = rate, 0, 0
        self.spoiled = 0
        self._key_of = key_of
        self._run_name = run
        self._script = DeparturesScript(
            run, SourcePlan(producer=SENDER, kind="departures", events=AIRCRAFT_ROWS)
        )
        self._history = History(self.folder, table="departures", producer=SENDER)
        self._over = threading.Event()
        self._failure: Exception | None = None
        transport = transport_for(stack.connection, settings, where=stack.where)
        self._producer: Producer[int] = Producer(transport, settings, self._answered)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    @property
    def sent(self) -> int:
        """Return how many events were handed to the producer."""
        return self._history.sent

    @property
    def acknowledged(self) -> int:
        """Return how many events the stream has acknowledged."""
        return self._history.answers[Answer.ACKNOWLEDGED]

    def run(self) -> None:
        """Send what is due, tick after tick."""
        due, last = 0.0, time.monotonic()
        try:
            while not self._over.wait(TICK_SECONDS):
                now = time.monotonic()
                due, last = due + (now - last) * self.rate, now
                if (count := int(due)) > 0:
                    due -= count
                    self._send(count)
        except Exception as error:
            self._failure = error

    def finish(self) -> None:
        """Stop, wait for the answers and complete the history; a second call does nothing.

        Raises whatever ended the sending before its time.
        """
        if self._over.is_set():
            return
        self._over.set()
        self.join(CLOSE_SECONDS_MAX)
        try:
            self._producer.close(CLOSE_SECONDS_MAX)
        finally:
            self._history.close()
            note = {"run": self._run_name, "sent": self.sent}
            (self.folder / LOAD_FILE).write_text(json.dumps(note), encoding="utf-8")
        if self._failure is not None:
            raise self._failure

    def _send(self, count: int) -> None:
        first, now_ms = self.sent, wall_clock_ms()
        events = self._script.render(first, [now_ms + self.clock_ms] * count)
        wrong: Sequence[int] = ()
        if self.spoil_every:
            chosen = [n for n in range(first, first + count) if n % self.spoil_every == 0]
            wrong = poison.spoil(events.bodies, first, frozenset(chosen))
        elif not -DEPARTURES.past_ms_max < self.clock_ms < DEPARTURES.future_ms_max:
            wrong = range(count)
        self.spoiled += len(wrong)
        self._history.add(events, np.full(count, now_ms * 1_000, np.int64), wrong)
        tags = range(first, first + count)
        keys = [self._key_of(key) for key in events.keys]
        try:
            self._producer.put_many(table="departures", keys=keys, bodies=events.bodies, tags=tags)
        except BufferFull:
            self._history.answered(
                np.array(tags, np.int64),
                Answer.REFUSED,
                sent_us=None,
                answered_us=time.time_ns() // 1_000,
            )

    def _answered(self, answered: Answered[int]) -> None:
        self._history.answered(
            np.array(answered.tags, np.int64),
            answered.answer,
            sent_us=answered.sent_us,
            answered_us=answered.answered_us,
        )

"""One process's share of a load under way: its sources, their histories and the one producer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtests import poison
from loadtests.history import History
from loadtests.plan import Part, Plan, SourcePlan
from loadtests.progress import Progress, State
from loadtests.scripts import Rendered, Script, contract_of, script_of
from loadtests.shapes import Shape
from pipeline.audit.history import Answer
from pipeline.producer.answers import Answered, BufferFull, Metrics
from pipeline.producer.producer import Producer
from pipeline.producer.transport import Transport

_SOURCE_SHIFT: Final = 40
"""A tag is the source's number above 40 bits of sequence: one integer for each event in flight."""
EVENTS_PER_STEP_MAX: Final = 2_000
"""Bounds how long one step keeps everything else of its process waiting."""

OnRecord = Callable[[str, Answer, int, float], None]
"""Hears of each answered record: table, answer, events, and seconds since the first was due."""


@dataclass(slots=True, kw_only=True)
class Source:
    """One producer of the load: its plan, its share of the shape, and its history so far."""

    number: int
    plan: SourcePlan
    table: str
    shape: Shape
    history: History
    script: Script | None
    poison: frozenset[int]
    handed: int = 0

    @property
    def finished(self) -> bool:
        """Return whether every planned event was handed to the producer.

        In the history it is before: the last ones may still wait for room in the buffer.
        """
        return self.handed >= self.plan.events


class Sending:
    """Sends a part of a plan on its open schedule: an event that leaves late keeps its due time."""

    def __init__(
        self, plan: Plan, part: Part, load: Path, transport: Transport, on_record: OnRecord
    ) -> None:
        self.plan, self.part, self.load = plan, part, load
        self.stopping = False
        self.start_us = 0
        self._on_record = on_record
        self.sources = [self._source(number, load) for number in range(len(part.sources))]
        self._producer: Producer[int] = Producer(transport, plan.settings, self._answered)

    def step(self, now_us: int) -> int:
        """Send what is due of the replayed sources, up to a bound; return how many events."""
        return sum(self._replay(source, now_us) for source in self.sources if source.script)

    def put(self, source: Source, rendered: Rendered, intended_us: npt.NDArray[np.int64]) -> None:
        """Hand the source's next events over, waiting as long as the buffer is full.

        What cannot be handed over, because the load is stopped, is refused in the history.
        """
        first = source.history.sent
        spoiled = poison.spoil(rendered.bodies, first, source.poison) if source.poison else ()
        source.history.add(rendered, intended_us, spoiled)
        tag = source.number << _SOURCE_SHIFT | first
        tags = range(tag, tag + len(rendered.ids))
        taken = False
        try:
            while not taken:
                taken = self._try(source.table, rendered, tags)
            source.handed += len(tags)
        finally:
            if not taken:
                source.history.answered(
                    np.arange(first, first + len(tags)),
                    Answer.REFUSED,
                    sent_us=None,
                    answered_us=time.time_ns() // 1_000,
                )

    @property
    def finished(self) -> bool:
        """Return whether every source handed over all its events."""
        return all(source.finished for source in self.sources)

    def close(self, seconds_max: float) -> None:
        """Wait for the answers, then complete the history; what is late is given up."""
        self.stopping = True
        try:
            self._producer.close(seconds_max)
        finally:
            for source in self.sources:
                source.history.close()

    def metrics(self) -> Metrics:
        """Return the producer's counts so far."""
        return self._producer.metrics()

    def progress(self, now_us: int, state: State) -> Progress:
        """Return how far this part is."""
        metrics = self.metrics()
        elapsed = (now_us - self.start_us) / 1_000_000 if self.start_us else -1.0
        answers = [source.history.answers for source in self.sources]
        return Progress(
            part=self.part.name,
            state=state,
            at_us=now_us,
            planned=sum(source.plan.events for source in self.sources),
            due=sum(source.shape.due(elapsed) for source in self.sources),
            sent=sum(source.history.sent for source in self.sources),
            acknowledged=sum(counts[Answer.ACKNOWLEDGED] for counts in answers),
            refused=sum(counts[Answer.REFUSED] for counts in answers),
            unknown=sum(counts[Answer.UNKNOWN] for counts in answers),
            buffered_bytes=metrics.buffered_bytes,
            event_bytes=metrics.event_bytes,
            sent_bytes=metrics.sent_bytes,
            throttles=metrics.throttles,
            retries=metrics.retries,
            held_back_ms=metrics.held_back_ms,
        )

    def _source(self, number: int, load: Path) -> Source:
        plan = self.part.sources[number]
        table = contract_of(plan.kind).table
        return Source(
            number=number,
            plan=plan,
            table=table,
            shape=self.plan.whole.scaled(plan.events),
            history=History(load, table=table, producer=plan.producer),
            script=None if plan.kind == "actions" else script_of(self.plan.run, plan),
            poison=poison.places(plan.events, plan.poison),
        )

    def _replay(self, source: Source, now_us: int) -> int:
        due = source.shape.due((now_us - self.start_us) / 1_000_000)
        first = source.history.sent
        last = min(due, first + EVENTS_PER_STEP_MAX)
        if source.script is None or last <= first:
            return 0
        seconds = source.shape.times(first, last)
        intended_us = self.start_us + (seconds * 1_000_000).astype(np.int64)
        rendered = source.script.render(first, (intended_us // 1_000).tolist())
        self.put(source, rendered, intended_us)
        return last - first

    def _try(self, table: str, rendered: Rendered, tags: range) -> bool:
        """Offer events to the producer; False while its buffer is full."""
        try:
            self._producer.put_many(
                table=table, keys=rendered.keys, bodies=rendered.bodies, tags=tags
            )
        except BufferFull:
            if self.stopping:
                raise
            return False
        return True

    def _answered(self, answered: Answered[int]) -> None:
        tags = np.array(answered.tags, np.int64)
        numbers = tags >> _SOURCE_SHIFT
        for number in np.unique(numbers).tolist():
            source = self.sources[number]
            sequences = tags[numbers == number] & ((1 << _SOURCE_SHIFT) - 1)
            seconds = source.history.answered(
                sequences,
                answered.answer,
                sent_us=answered.sent_us,
                answered_us=answered.answered_us,
            )
            self._on_record(source.table, answered.answer, len(sequences), seconds)

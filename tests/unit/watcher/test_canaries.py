"""Canaries onto a topic: the same bytes to the same place, by a transport that is made anew."""

from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.canary import canary
from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.producer import single
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment
from pipeline.watcher.canaries import LANES, TopicCanaries

NOW_MS = 1_795_000_000_123


class Scripted:
    """A transport that answers as it is told, WRITTEN when nobody told it."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, int, bytes]] = []
        self.closed = False

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        (record,) = batch
        self.sent.append((record.address.partition_key, record.lane, record.data))
        return [self.answers.pop(0) if self.answers else Outcome.WRITTEN]

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single.ProducerSettings, "backoff_seconds", lambda *_: 0.0)


def test_a_canary_is_keyed_by_its_id_and_comes_again_as_it_was() -> None:
    transport = Scripted(Outcome.UNSENT, Outcome.UNKNOWN)
    event_id = TopicCanaries(lambda: transport).send(NOW_MS)
    assert (event_id, transport.sent[0][2]) == canary(NOW_MS)
    assert len(transport.sent) == 3
    assert len(set(transport.sent)) == 1
    assert transport.sent[0][0] == event_id


def test_canaries_go_over_all_lanes_and_never_beyond() -> None:
    transport = Scripted()
    canaries = TopicCanaries(lambda: transport)
    for minute in range(20 * LANES):
        canaries.send(NOW_MS + minute * 60_000)
    assert {lane for _, lane, _ in transport.sent} == set(range(LANES))


def test_one_transport_serves_as_long_as_it_works() -> None:
    made = []

    def make() -> Scripted:
        made.append(Scripted())
        return made[-1]

    canaries = TopicCanaries(make)
    assert made == []
    canaries.send(NOW_MS)
    canaries.send(NOW_MS + 1)
    assert len(made) == 1
    canaries.close()
    assert made[0].closed


@pytest.mark.parametrize(
    ("outcome", "error"),
    [(Outcome.REJECTED, OperatingError), (Outcome.UNKNOWN, OutcomeUnknown)],
)
def test_after_trouble_the_next_canary_goes_by_another_transport(
    outcome: Outcome, error: type[OperatingError]
) -> None:
    first, second = Scripted(*[outcome] * single.ATTEMPTS_MAX), Scripted()
    left = [first, second]
    canaries = TopicCanaries(lambda: left.pop(0))
    with pytest.raises(error):
        canaries.send(NOW_MS)
    assert first.closed
    canaries.send(NOW_MS)
    assert len(second.sent) == 1


def test_a_transport_that_cannot_be_made_is_tried_again_with_the_next_canary() -> None:
    transport, refusals = Scripted(), [OperatingError("no broker")]

    def make() -> Scripted:
        if refusals:
            raise refusals.pop()
        return transport

    canaries = TopicCanaries(make)
    with pytest.raises(OperatingError, match="no broker"):
        canaries.send(NOW_MS)
    canaries.send(NOW_MS)
    assert len(transport.sent) == 1

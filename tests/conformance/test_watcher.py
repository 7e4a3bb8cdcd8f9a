"""One suite for both topics: a watcher beside the workers, while they live, die, and the broker."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.watcher.settings import Watched
from tests.conformance.conftest import EVENTS, Place, begun
from tests.conformance.mortal import kafka, pulsar
from tests.conformance.streams import PARTITIONS, PulsarUnderTest
from tests.conformance.workers import WorkerProcess
from tests.waiting import until

__all__ = ["kafka", "pulsar"]

pytestmark = pytest.mark.parametrize("place", ["kafka", "pulsar"], indirect=True)


def watch(place: Place, **expected: Any) -> WorkerProcess:
    """Start a watcher that looks once a second, and expects one broker."""
    if isinstance(place.stream, PulsarUnderTest):
        expected["admin_url"] = place.stream.broker.admin_url
    watched = Watched(brokers=1, **expected)
    return place.work(module="pipeline.watcher", watched=watched.to_json(), watch_seconds=1)


def figures(watcher: WorkerProcess) -> list[dict[str, Any]]:
    """Return the lines that are written to their end."""
    text = watcher.figures.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def last(watcher: WorkerProcess, *, since: int = 0) -> Mapping[str, Any]:
    """Return the latest value of each figure, of the lines from one on."""
    found: dict[str, Any] = {}
    for line in figures(watcher)[since:]:
        found |= line
    return found


def test_canaries_come_through_beside_the_events_and_workers_keep_their_partitions(
    place: Place,
) -> None:
    worker, load = begun(place)
    watcher = watch(place)
    load.send(EVENTS)

    until(lambda: last(watcher).get("CanaryFound") == 1)
    until(lambda: last(watcher).get("BrokersMissing") == 0)
    until(lambda: last(watcher).get("UnderReplicated", 0) == 0)

    assert len(worker.partitions) == PARTITIONS
    assert watcher.health()["healthy"]
    assert watcher.stop() == 0
    assert "left in good order" in watcher.said
    place.settle()


def test_what_waits_for_dead_workers_is_counted_and_grows_old(place: Place) -> None:
    worker, load = begun(place)
    watcher = watch(place)
    until(lambda: last(watcher).get("CanaryFound") == 1)

    worker.kill()
    load.send(EVENTS)
    until(lambda: last(watcher).get("OldestEventAge", 0) > 3_000)
    until(lambda: last(watcher).get("RecordsBehind", 0) > 0)
    until(lambda: len(last(watcher).get("lags", ())) == PARTITIONS)

    place.work()
    # Canaries go on meanwhile, so that something always waits, but nothing for long. Pulsar takes
    # up to a minute to notice that a worker is gone.
    seen = len(figures(watcher))
    until(lambda: last(watcher, since=seen).get("OldestEventAge", 3_000) < 3_000, seconds_max=180)
    assert watcher.stop() == 0
    place.settle()


def test_a_broker_that_is_away_is_missing_until_it_is_back(place: Place) -> None:
    broker = place.stream.broker  # type: ignore[attr-defined]
    _, load = begun(place)
    watcher = watch(place)
    until(lambda: last(watcher).get("CanaryFound") == 1)

    broker.kill()
    until(lambda: last(watcher).get("BrokersMissing") == 1)
    assert watcher.health()["healthy"]

    seen = len(figures(watcher))
    broker.restart()
    until(lambda: last(watcher, since=seen).get("BrokersMissing") == 0)
    until(lambda: last(watcher, since=seen).get("CanaryFound") == 1)
    until(lambda: "OldestEventAge" in last(watcher, since=seen))
    load.send(EVENTS)
    assert watcher.stop() == 0
    place.settle()

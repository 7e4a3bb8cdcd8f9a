"""One suite for all streams: in calm and in trouble everything is in the lake once."""

from infra.local.front.faults import Fault
from tests.conformance.conftest import EVENTS, Place, begun
from tests.conformance.streams import PARTITIONS
from tests.conformance.workers import WorkerProcess
from tests.waiting import until


def shared(one: WorkerProcess, other: WorkerProcess) -> bool:
    """Return whether each has half of the partitions, and none is both's."""
    parts = set(one.partitions), set(other.partitions)
    return {len(part) for part in parts} == {PARTITIONS // 2} and parts[0].isdisjoint(parts[1])


def test_everything_produced_is_in_the_lake_once(place: Place) -> None:
    worker, load = place.work(), place.load()
    load.send(EVENTS)

    place.settle()

    assert worker.health()["healthy"]
    until(lambda: worker.stored == EVENTS)
    assert worker.stop() == 0


def test_partitions_are_handed_over_to_a_second_worker_and_back(place: Place) -> None:
    one, load = begun(place)
    other = place.work()
    until(lambda: shared(one, other))
    load.send(EVENTS)
    load.flush()
    assert one.stop() == 0
    until(lambda: len(other.partitions) == PARTITIONS)
    load.send(EVENTS)

    place.settle()

    until(lambda: other.stored > 0)


def test_sigterm_in_the_middle_leaves_nothing_open(place: Place) -> None:
    worker, load = begun(place)
    load.send(EVENTS)

    assert worker.stop() == 0

    assert "left in good order" in worker.said
    assert not any(status.open for status in place.pending())
    place.work()
    place.settle()


def test_a_subscription_that_is_rewound_writes_nothing_twice(place: Place) -> None:
    worker, load = place.work(), place.load()
    load.send(EVENTS)
    load.flush()
    until(place.is_drained)
    assert worker.stop() == 0
    place.stream.rewind()
    place.work()
    load.send(EVENTS)

    place.settle()


def test_a_slow_store_stops_the_fetching_and_costs_nothing(place: Place) -> None:
    worker, load = begun(place, buffer_bytes=20_000, batch_bytes=2_000)
    slow = Fault(service="s3", operation="PutObject", kind="latency", latency_ms=700)
    place.front.inject([slow])
    load.send(4 * EVENTS)

    until(lambda: any(each["paused"] for each in worker.partitions.values()))
    place.front.clear()

    place.settle()
    until(lambda: not any(each["paused"] for each in worker.partitions.values()))


def test_a_store_that_fails_for_a_while_is_told_by_health_and_costs_nothing(place: Place) -> None:
    worker, load = begun(place, health_age_seconds_max=2)
    place.front.inject([Fault(service="s3", operation="PutObject", kind="error")])
    load.send(EVENTS)
    until(lambda: not worker.health()["healthy"])
    place.front.clear()

    place.settle()
    until(lambda: worker.health()["healthy"])


def test_partitions_are_added_under_load(place: Place) -> None:
    worker, load = place.work(), place.load()
    load.send(EVENTS)
    until(lambda: worker.stored > 0)
    place.stream.grow()
    load.send(EVENTS)
    more = place.load()
    more.send(EVENTS)

    place.settle()

    assert len(place.pending()) >= 2 * PARTITIONS

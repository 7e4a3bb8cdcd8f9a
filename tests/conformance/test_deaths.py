"""One suite for all streams: workers are killed, stand still, and fight for a partition."""

from functools import partial

from infra.local.front.faults import Fault
from tests.conformance.conftest import EVENTS, Place, begun
from tests.conformance.streams import PARTITIONS
from tests.conformance.workers import POISONED, WorkerProcess
from tests.waiting import until


def stores(worker: WorkerProcess) -> bool:
    return worker.stored > 0


def is_over(worker: WorkerProcess, place: Place) -> bool:
    """Look at the ledger once a second, so that the worker has the machine to itself."""
    return worker.ends(seconds=1) or place.is_drained()


def test_sigkill_in_the_middle_loses_and_doubles_nothing(place: Place) -> None:
    load = place.load()
    for _ in range(3):
        worker = place.work()
        load.send(EVENTS)
        until(partial(stores, worker))
        load.send(EVENTS)
        worker.kill()
    place.work()

    place.settle()


def test_a_worker_that_stood_still_meets_the_fence_of_who_took_over(place: Place) -> None:
    """Two workers on one partition: the first is stopped with its takes under way."""
    one, load = begun(place)
    load.send(EVENTS)
    one.pause()
    other = place.work()
    # A broker notices only by its own time-out.
    until(lambda: len(other.partitions) == PARTITIONS, seconds_max=180)
    load.send(EVENTS)
    one.go_on()
    load.send(EVENTS)

    place.settle()


def test_a_hand_over_during_a_slow_write_waits_for_it(place: Place) -> None:
    one, load = begun(place)
    slow = Fault(service="s3", operation="PutObject", kind="latency", latency_ms=1_500)
    place.front.inject([slow])
    load.send(EVENTS)
    load.flush()
    other = place.work()
    until(lambda: len(other.partitions) == PARTITIONS // 2)
    assert one.stop() == 0
    place.front.clear()

    place.settle()


def test_a_record_that_kills_its_worker_ends_in_quarantine_alone(place: Place) -> None:
    load = place.load()
    load.send(200)
    load.flush()
    load.send(1, poison=True)
    load.flush()
    load.send(200)
    load.flush()
    deaths = 0
    work = partial(place.work, module=POISONED, batch_records=2, batch_age_ms_max=0)
    worker = work()
    while not place.is_drained():
        if not worker.running:
            deaths += 1
            assert deaths < 25, "the record is never isolated"
            worker = work()
        until(partial(is_over, worker, place), seconds_max=180)

    assert deaths >= 3
    place.settle(quarantined=1)

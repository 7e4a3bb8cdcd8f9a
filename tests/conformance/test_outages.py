"""One suite for all streams: the broker dies under load, and comes back with what it had."""

from tests.conformance.conftest import EVENTS, Place, begun
from tests.conformance.mortal import kafka, pulsar
from tests.waiting import until

__all__ = ["kafka", "pulsar"]


def test_a_broker_that_dies_under_load_costs_nothing(place: Place) -> None:
    worker, load = begun(place)
    load.send(EVENTS)

    place.stream.outage()
    load.send(EVENTS)

    place.settle()
    until(lambda: worker.health()["healthy"])
    assert worker.running

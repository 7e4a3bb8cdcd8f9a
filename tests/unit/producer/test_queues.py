"""The producer's queues by themselves: order, bounds and what is due when."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.aggregate import deaggregate
from pipeline.core.payload import decompress
from pipeline.producer.queues import LaneQueues, Shipment
from pipeline.producer.settings import REQUEST_BYTES_MAX, ProducerSettings

SETTINGS = ProducerSettings(lanes=4, record_bytes=100, record_events=5, linger_ms=1_000)


def add(
    queues: LaneQueues[int], keys: list[str], *, now: float = 0.0, table: str = "t", size: int = 20
) -> bool:
    bodies = [b"x" * size] * len(keys)
    return queues.add(now, table=table, keys=keys, bodies=bodies, tags=list(range(len(keys))))


def lines(shipment: Shipment[int]) -> list[bytes]:
    shipment.seal()
    return [
        decompress(record.payload, bytes_max=1 << 20)
        for record in deaggregate(shipment.data, shipment.address.partition_key)
    ]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_events_of_a_lane_leave_whole_in_order_and_one_record_at_a_time(keys: list[str]) -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    add(queues, keys)
    seen: dict[int, list[int]] = defaultdict(list)
    while taken := queues.take(0.0, flushing=True):
        assert len({shipment.lane for shipment in taken}) == len(taken)
        assert queues.take(0.0, flushing=True) == [], "a lane had two records in flight"
        for shipment in taken:
            seen[shipment.lane] += shipment.tags
            assert len(shipment.tags) <= SETTINGS.record_events
            assert shipment.event_bytes <= SETTINGS.record_bytes
            queues.settle(shipment)
    assert all(tags == sorted(tags) for tags in seen.values())
    assert sorted(tag for tags in seen.values() for tag in tags) == list(range(len(keys)))
    assert queues.event_bytes == 0


def test_an_event_waits_for_company_until_its_linger_is_over() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    assert add(queues, ["a"], now=10.0), "the first event of a lane sets a sender's alarm"
    assert not add(queues, ["a"], now=10.5)
    assert queues.take(10.9, flushing=False) == []
    assert queues.next_due(flushing=False) == 11.0
    assert [shipment.tags for shipment in queues.take(11.0, flushing=False)] == [[0, 0]]


def test_lanes_leave_together_though_their_first_events_came_at_different_times() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    for number, key in enumerate("abcdefgh"):
        add(queues, [key], now=10.0 + number / 10)
    assert queues.take(10.99, flushing=False) == []
    assert len(queues.take(11.0, flushing=False)) == SETTINGS.lanes


def test_a_full_record_and_a_flush_do_not_wait() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    add(queues, ["a"] * 6, now=10.0)
    (full,) = queues.take(10.0, flushing=False)
    queues.settle(full)
    assert queues.take(10.0, flushing=False) == []
    assert len(queues.take(10.0, flushing=True)) == 1


def test_a_record_that_failed_goes_before_the_rest_of_its_lane_and_not_too_soon() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    add(queues, ["a"] * 6)
    (failed,) = queues.take(0.0, flushing=True)
    failed.not_before = 5.0
    queues.put_back(failed)
    assert queues.take(4.9, flushing=True) == []
    assert queues.take(5.0, flushing=True) == [failed]


def test_a_record_keeps_the_bytes_that_it_was_sealed_with() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    add(queues, ["a"])
    (shipment,) = queues.take(0.0, flushing=True)
    shipment.seal()
    first = shipment.data
    shipment.seal()
    assert shipment.data is first


def test_a_record_holds_one_block_a_table() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    for table in ("departures", "actions", "departures"):
        queues.add(0.0, table=table, keys=["a"], bodies=[table.encode()], tags=[0])
    (shipment,) = queues.take(0.0, flushing=True)
    assert lines(shipment) == [b"departures\ndepartures", b"actions"]


def test_a_request_stays_within_the_quota_of_bytes() -> None:
    size = 900_000
    queues: LaneQueues[int] = LaneQueues(ProducerSettings(lanes=64, record_bytes=size))
    add(queues, [f"key-{number}" for number in range(40)], size=size)
    taken = queues.take(0.0, flushing=True)
    assert len(taken) > 1
    assert sum(shipment.event_bytes for shipment in taken) <= REQUEST_BYTES_MAX


def test_what_is_abandoned_is_everything_that_is_not_in_flight() -> None:
    queues: LaneQueues[int] = LaneQueues(SETTINGS)
    add(queues, ["a"] * 11)
    (flying,) = queues.take(0.0, flushing=True)
    assert [len(shipment.tags) for shipment in queues.abandon()] == [4, 3]
    queues.settle(flying)
    assert queues.event_bytes == 0
    assert queues.take(0.0, flushing=True) == []


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 0.05), (2, 0.1), (4, 0.4), (1_000, 5.0)])
def test_pauses_grow_to_a_bound_and_are_drawn_from_their_whole_width(
    attempt: int, ceiling: float
) -> None:
    settings = ProducerSettings()
    assert settings.backoff_seconds(attempt, 0.0) == 0.0
    assert settings.backoff_seconds(attempt, 0.5) == pytest.approx(ceiling / 2)

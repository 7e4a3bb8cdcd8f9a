"""Sealed records as a producer hands them to its transport."""

from pipeline.producer.lanes import address_of
from pipeline.producer.queues import Shipment

LANES = 16


def shipment(data: bytes, lane: int = 0) -> Shipment[int]:
    sealed: Shipment[int] = Shipment(address=address_of(lane, LANES), lane=lane, opened_at=0.0)
    sealed.data = data
    return sealed

"""Sealed records of a lane, as the producer hands them to its transport."""

from typing import Any

from pipeline.producer.lanes import address_of
from pipeline.producer.queues import Shipment

LANES = 4


def shipment(lane: int, data: bytes) -> Shipment[Any]:
    return Shipment(address=address_of(lane, LANES), lane=lane, opened_at=0.0, data=data)

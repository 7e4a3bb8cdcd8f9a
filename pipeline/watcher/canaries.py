"""Canaries onto a topic: by a producer's transport, which is made when it is first needed."""

from collections.abc import Callable
from typing import Final

from pipeline.canary import canary
from pipeline.errors import OperatingError
from pipeline.producer.lanes import Address, hash_key, lane_of
from pipeline.producer.queues import Shipment
from pipeline.producer.single import send_record
from pipeline.producer.transport import Transport

LANES: Final = 64
"""Over how many partitions canaries go: on Pulsar each is a producer that the transport keeps."""


class TopicCanaries:
    """Sends canaries, one at a time. After trouble the next one goes by a transport made anew."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._transport: Transport | None = None

    def send(self, now_ms: int) -> str:
        """Put the canary of a time on the topic, where its id says, and return the id.

        Raises OperatingError; OutcomeUnknown when the canary may be there all the same.
        """
        event_id, data = canary(now_ms)
        record: Shipment[None] = Shipment(
            address=Address(partition_key=event_id, explicit_hash_key=str(hash_key(event_id))),
            lane=lane_of(event_id, LANES),
            opened_at=0.0,
            data=data,
        )
        self._transport = self._transport or self._make()
        try:
            send_record(self._transport, record)
        except OperatingError:
            self.close()
            raise
        return event_id

    def close(self) -> None:
        """Give back what the transport holds."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

"""How a producer's records reach a stream: one call, one outcome for each of them."""

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment


class Transport(Protocol):
    """Carries sealed records to one stream; called by several threads at once.

    A lane has one record under way at most, so a transport keeps no order between its calls. A
    record that comes again has the same bytes and the same lane (protocol.md, T17).
    """

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        """Make one attempt, bounded in time, and return an outcome for each record, in order."""
        ...

    def close(self) -> None:
        """Give back what the transport holds; nothing is sent any more."""
        ...

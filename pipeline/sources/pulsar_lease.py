"""Whether a partition is ours: a lease that the broker renews by handing us a message.

Of the consumers of a Failover subscription the broker hands messages of a partition to one, and
tells the others nothing that the Python client would pass on. So each worker asks for a message
again and again: whoever gets one had the partition at that moment.
"""

from dataclasses import dataclass
from typing import Final

LEASE_SECONDS: Final = 0.9
"""Less than the broker lets pass before a new consumer gets its first message
(broker.conf, activeConsumerFailoverDelayTimeMillis = 1000): so leases do not overlap."""

BUSY_SECONDS: Final = 0.4
"""How old a lease may grow while records come in."""

IDLE_SECONDS: Final = 5.0
"""How old it may grow while none do: so late does an idle worker notice that another took over."""

ANSWER_SECONDS: Final = 3.0
"""How long an answer may take before the partition counts as another worker's."""


@dataclass(slots=True)
class Lease:
    """One partition's lease; times are seconds of a monotonic clock."""

    renewed_at: float | None = None
    asked_at: float | None = None

    def renew(self, now: float) -> None:
        """Note that the broker has just handed us a message."""
        self.renewed_at, self.asked_at = now, None

    def drop(self) -> None:
        """Trust nothing that was before: somebody else may have the partition."""
        self.renewed_at = self.asked_at = None

    def ask(self, now: float) -> None:
        """Note that the broker is asked for a message."""
        self.asked_at = now

    def is_valid(self, now: float) -> bool:
        """Return whether records may be handed on."""
        return self.renewed_at is not None and now - self.renewed_at <= LEASE_SECONDS

    def is_due(self, now: float, *, busy: bool) -> bool:
        """Return whether the broker is to be asked now."""
        if self.asked_at is not None:
            return False
        age_max = BUSY_SECONDS if busy else IDLE_SECONDS
        return self.renewed_at is None or now - self.renewed_at > age_max

    def is_lost(self, now: float) -> bool:
        """Return whether the broker has left a question open for too long."""
        return self.asked_at is not None and now - self.asked_at > ANSWER_SECONDS

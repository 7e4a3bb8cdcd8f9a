"""One line of a bill: so much of a unit, at its list price."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.costs.prices import Price

HOURS_PER_MONTH = 730
"""As AWS's own calculator counts (AWS Pricing Calculator user guide, "Assumptions")."""
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3_600
DAYS_PER_MONTH = HOURS_PER_MONTH / 24
GB = 1024**3
"""As AWS bills what it stores (Amazon S3 FAQs, "How will I be charged and billed for my use of
Amazon S3?"), and as a stack's settings count: what is priced is what is deployed."""
MB = 1024**2
KB = 1024


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one resource uses of one thing that has a price, in one month."""

    resource: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.quantity * self.price.usd


def total(lines: Iterable[Line]) -> float:
    """Return the sum in USD."""
    return sum(line.usd for line in lines)

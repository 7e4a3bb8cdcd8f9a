"""What keeps a partition from moving on, and how long until it is tried again."""

from dataclasses import dataclass
from typing import Final

from pipeline.errors import OperatingError
from pipeline.ledger.protocol import WaitsForParent

BACKOFF_MS: Final = 200
BACKOFF_MS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The world's trouble with a partition since its last success; times by the monotonic clock.

    `waits`: it is another shard's turn, which is no ill health.
    """

    text: str
    since_ms: int
    attempts: int
    retry_ms: int
    waits: bool = False


def trouble_after(
    before: Trouble | None, error: OperatingError, *, now_ms: int, chance: float
) -> Trouble:
    """Return the trouble that an error makes or prolongs; `chance` is from 0 to 1."""
    attempts = before.attempts + 1 if before is not None else 1
    return Trouble(
        text=str(error),
        since_ms=before.since_ms if before is not None else now_ms,
        attempts=attempts,
        retry_ms=now_ms + backoff_ms(attempts, chance),
        waits=isinstance(error, WaitsForParent),
    )


def backoff_ms(attempts: int, chance: float) -> int:
    """Return how long to wait after so many failures in a row: doubled each time, with jitter."""
    most = min(BACKOFF_MS_MAX, BACKOFF_MS << min(attempts - 1, 16))
    return round(most * (0.5 + 0.5 * chance))

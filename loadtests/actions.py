"""What a visitor of the booking site does: sessions of searches, views and bookings."""

import random
from collections.abc import Iterator
from typing import Any, Final

from loadtests import flights
from loadtests.scripts import event_id

_USER_AGENTS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605",
)


class Visitor:
    """One Locust user's visitor; the same seed acts the same."""

    def __init__(self, *, run: str, producer: str, number: int) -> None:
        self._run, self._producer, self._name = run, producer, f"visitor-{number}"
        self._random = random.Random(f"{run}/{producer}/{number}")
        self._carriers, self._airports = flights.carriers(), flights.airports()
        self._sessions = 0
        self._steps: Iterator[dict[str, Any]] = iter(())

    def act(self, sequence: int, time_ms: int) -> dict[str, Any]:
        """Return the next action as an event of `ACTIONS`."""
        step = next(self._steps, None)
        if step is None:
            self._sessions += 1
            self._steps = self._session()
            step = next(self._steps)
        return {
            "type": "actions",
            "id": event_id(self._run, self._producer, sequence),
            "producer": self._producer,
            "sequence": sequence,
            "event_time": time_ms,
            "session": f"{self._run}-{self._name}-{self._sessions}",
            "user": self._name,
            **step,
        }

    def _session(self) -> Iterator[dict[str, Any]]:
        draw = self._random
        wish = {"carrier": draw.choice(self._carriers), "destination": draw.choice(self._airports)}
        agent = {"user_agent": draw.choice(_USER_AGENTS)}
        price = {"price_cents": draw.randrange(4_900, 120_000)}

        def step(action: str, **more: int) -> dict[str, Any]:
            took = {"duration_ms": min(3_600_000, int(draw.lognormvariate(6, 1)))}
            return {"action": action, **wish, **more, **took, **agent}

        yield step("search")
        for _ in range(draw.randrange(1, 4)):
            yield step("view", **price)
        if draw.random() < 0.4:
            yield step("book", **price)
            yield step("cancel" if draw.random() < 0.1 else "check_in")

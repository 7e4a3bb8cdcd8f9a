"""Waiting for a condition, never for a time alone."""

import time
from collections.abc import Callable
from threading import Event
from typing import Final

LOOK_SECONDS: Final = 0.05


class NotKept(Exception):
    """What a drill expected of the stack did not happen; the message says what."""


def until(condition: Callable[[], object], *, seconds_max: float, what: str) -> None:
    """Wait until a condition holds. Raises NotKept when it does not in time."""
    deadline, never = time.monotonic() + seconds_max, Event()
    while not condition():
        if time.monotonic() >= deadline:
            raise NotKept(f"not within {seconds_max:.0f} s: {what}")
        never.wait(LOOK_SECONDS)

"""Waiting for a condition, never for a time alone: the one loop of all tests."""

import time
from collections.abc import Callable
from threading import Event
from typing import Final, TypeVar

Found = TypeVar("Found")

LOOK_SECONDS: Final = 0.05


def until(
    look: Callable[[], Found],
    *,
    seconds_max: float = 120.0,
    what: str | Callable[[], object] = "",
    meanwhile: Callable[[], object] | None = None,
) -> Found:
    """Return what `look` finds, as soon as it is true.

    Between two looks `meanwhile` is done, where something has to be driven on; else a moment
    passes. Raises AssertionError with `what` was waited for when the time is over.
    """
    deadline, never = time.monotonic() + seconds_max, Event()
    while not (found := look()):
        told = what() if callable(what) else what
        assert time.monotonic() < deadline, f"not within {seconds_max:g} s, but {found!r}: {told}"
        if meanwhile is None:
            never.wait(LOOK_SECONDS)
        else:
            meanwhile()
    return found

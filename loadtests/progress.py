"""How far a load is: each process appends a line of JSON, a reader adds up the last of each."""

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

FOLDER: Final = "progress"
_LINE_BYTES_MAX: Final = 4_096


class State(StrEnum):
    """Where a process of the load stands."""

    READY = "ready"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended early: not all planned events were sent."""


class Progress(BaseModel):
    """Counts of events since the start, of one process or of several together."""

    model_config = ConfigDict(frozen=True)

    part: str
    state: State
    at_us: int = 0
    planned: int = 0
    due: int = 0
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    buffered_bytes: int = 0
    event_bytes: int = 0
    sent_bytes: int = 0
    throttles: int = 0
    retries: int = 0
    held_back_ms: int = 0

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """Add up the processes of a load; it is as far as the least of them."""
        found = list(parts)
        order = list(State)
        numbers = [name for name, kind in cls.__annotations__.items() if kind is int]
        return cls(
            part="total",
            state=min((part.state for part in found), key=order.index, default=State.READY),
            **{name: sum(getattr(part, name) for part in found) for name in numbers},
        ).model_copy(update={"at_us": max((part.at_us for part in found), default=0)})


class ProgressFile:
    """The lines of one process."""

    def __init__(self, load: Path, part: str) -> None:
        self.part = part
        self._path = load / FOLDER / f"{part}.jsonl"

    def append(self, progress: Progress) -> None:
        """Add a line, whole or not at all for any reader that waits for its end."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(progress.model_dump_json().encode() + b"\n")

    def last(self) -> Progress | None:
        """Return the newest complete line, None before the first."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LINE_BYTES_MAX))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return None
        return Progress.model_validate_json(lines[-2]) if len(lines) > 1 else None

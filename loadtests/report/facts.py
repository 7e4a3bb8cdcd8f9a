"""What a run was: its plan, its time, its machine, and what it left in the lake."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.errors import UserError
from pipeline.sinks.lake_reader import TableFiles

LOAD_FILE: Final = "load.json"
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something worth a mark on the time line; `at_ms` since the epoch."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpan:
    """A time in which an alarm was on, in ms since the epoch; `until_ms` None: it still is."""

    name: str
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a run was. `rate` in events/s, `seconds` as planned, times in ms since the epoch.

    `alarm_minute_seconds` is how long a minute of the alarms' clock really took: 60 on AWS, less
    where a local stack compresses it. `notes` are further lines (name, value) for the reader, in
    their order.
    """

    run: str
    stack: str = ""
    stream: str = ""
    shape: str = ""
    rate: float | None = None
    seconds: float | None = None
    events: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    machine: str = ""
    tables: Mapping[str, TableFiles] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    alarms: tuple[AlarmSpan, ...] = ()
    alarm_minute_seconds: float = 60.0
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def planned_rate(self) -> float | None:
        """Return the events/s of the whole plan: of a ramp, its mean."""
        return self.events / self.seconds if self.events and self.seconds else None

    @property
    def started(self) -> str:
        """Return the start as text, in UTC."""
        if not self.started_ms:
            return ""
        return f"{datetime.fromtimestamp(self.started_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def to_json(self) -> dict[str, object]:
        """Return the facts as plain JSON values."""
        return {**asdict(self), "planned_rate": self.planned_rate}


def read_facts(
    load_dir: Path,
    *,
    stack: str,
    tables: Mapping[str, TableFiles],
    happenings: tuple[Happening, ...] = (),
    alarms: tuple[AlarmSpan, ...] = (),
    alarm_minute_seconds: float = 60.0,
    notes: Mapping[str, str] | None = None,
) -> Facts:
    """Return the facts of a load from its `load.json` and what the caller knows besides.

    Raises:
        UserError: the folder holds no load.
    """
    path = load_dir / LOAD_FILE
    try:
        load = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{load_dir} holds no {LOAD_FILE}; name the folder of a load") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    return Facts(
        run=load["run"],
        stack=stack,
        stream=load["stream"],
        shape=load["shape"],
        rate=load["rate"],
        seconds=load["seconds"],
        events=load["events"],
        started_ms=load["started_us"] // 1_000 if load["started_us"] else None,
        ended_ms=load["ended_us"] // 1_000 if load["ended_us"] else None,
        machine=machine(),
        tables=tables,
        happenings=happenings,
        alarms=alarms,
        alarm_minute_seconds=alarm_minute_seconds,
        notes=notes or {},
    )


def machine() -> str:
    """Return the size of this machine in words."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return (
        f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )

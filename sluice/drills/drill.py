"""A drill as data: what breaks, which alarm says so, which runbook mends it, what was measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sluice.drills.rig import Rig

Step = Callable[[Rig], None]
Stream = Literal["kinesis", "kafka", "pulsar"]


def nothing(_rig: Rig) -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One kind of trouble, of stacks on each of its `streams`.

    `alarm` is the id of the alarm that must say so, empty where none may, by design; `by_design`
    then says why. `cause` is the heading under Fix, of the runbook `runbook` (the alarm's unless
    named), whose blocks are run. `break_it` makes the trouble, `heal` is what the world does by
    itself (S3 comes back, a producer is set right), `finish` what is left to do when all is stored.
    Drills of equal `settings` share a stack; `minute_seconds` is what a minute of its alarms takes
    at least, in real seconds, where the fault itself takes some. `reorders` says why events may be
    stored after later ones of their key, which is else a failure. One that is `anywhere` can be run
    on AWS too.
    """

    id: str
    fault: str
    break_it: Step
    streams: tuple[Stream, ...] = ("kinesis",)
    alarm: str = ""
    by_design: str = ""
    runbook: str = ""
    cause: str = ""
    heal: Step = nothing
    finish: Step = nothing
    settings: Mapping[str, str] = field(default_factory=dict)
    minute_seconds: float = 0.0
    reorders: str = ""
    anywhere: bool = False

    def __post_init__(self) -> None:
        """Refuse a drill that expects nothing: neither an alarm nor a reason for silence."""
        if bool(self.alarm) == bool(self.by_design):
            raise ValueError(f"{self.id}: either an alarm detects it or it is silent by design")
        if bool(self.alarm) != bool(self.cause):
            raise ValueError(f"{self.id}: an alarm needs the cause whose fix is run, and only it")

    @property
    def runbook_id(self) -> str:
        """Return the runbook that is run: the alarm's, unless another one is named."""
        return self.runbook or self.alarm


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a drill measured. Seconds are real ones since the fault; counts are of events.

    `minute_seconds` is how long one minute of alarms and schedules took; `trouble` is what was not
    as it should be, empty when all was.
    """

    id: str
    stream: str
    fault: str
    detected_by: str
    by_design: str
    detected_seconds: float | None
    recovered_seconds: float | None
    minute_seconds: float
    runbook: str
    validity: str
    sent: int
    stored: int
    quarantined: int
    lost: int
    duplicated: int
    altered: int
    out_of_order: int
    reorders: str = ""
    also: Sequence[str] = ()
    timeline: Sequence[tuple[float, str]] = ()
    trouble: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        return asdict(self)

"""Faults that are asked for, decided by seed and the number of the call alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from infra.local.front.calls import Call
from pipeline.errors import UserError

Kind = Literal["throttle", "error", "latency", "hang", "reset", "lost_answer"]
KINDS: Final = get_args(Kind)
LATENCY_MS_MAX: Final = 900_000
"""Nothing of AWS answers later than a function that runs as long as it may."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a share of the calls of one operation, or of a whole service.

    `throttle` and `error` are answered as the service answers them, without any effect; `latency`
    delays the call; `hang` holds it until faults are made anew, and lets it go then, its caller
    alive or not; `reset` breaks the connection off before it; `lost_answer` lets it take effect,
    then breaks off. `operation` "" is any, `key_prefix` is of S3 objects, `count_max` None is
    without end. The n-th call that fits is hit or not by `seed` and n alone.

    Raises UserError for a fault that can never be made.
    """

    service: str
    kind: Kind
    operation: str = ""
    share: float = 1.0
    seed: int = 0
    count_max: int | None = None
    latency_ms: float = 0.0
    key_prefix: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"unknown fault {self.kind!r}: choose one of {', '.join(KINDS)}")
        if not 0 <= self.share <= 1:
            raise UserError(f"a fault's share is from 0 to 1, not {self.share}")
        if (self.kind == "latency") != (self.latency_ms > 0) or self.latency_ms > LATENCY_MS_MAX:
            raise UserError(f"latency_ms, up to {LATENCY_MS_MAX}, goes with the kind latency")
        if self.key_prefix and self.service != "s3":
            raise UserError(f"key_prefix is of S3's objects; {self.service} has none")

    def fits(self, call: Call) -> bool:
        """Return whether the fault is meant for such calls."""
        return (
            call.service == self.service
            and self.operation in ("", call.operation)
            and (not self.key_prefix or call.key.startswith(self.key_prefix))
        )

    def hits(self, number: int) -> bool:
        """Return whether the call of this number, among those that fit, is hit."""
        return random.Random(f"{self.seed}:{number}").random() < self.share


class Faults:
    """The faults that are on, each with its count of calls so far."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._faults = [_Counted(fault) for fault in faults]

    def __bool__(self) -> bool:
        return bool(self._faults)

    def strike(self, call: Call) -> list[Fault]:
        """Return what happens to this call: delays, and at most one fault of another kind."""
        struck: list[Fault] = []
        ended = False
        for counted in self._faults:
            if counted.fault.fits(call) and counted.next_is_hit(ended=ended):
                struck.append(counted.fault)
                ended = ended or counted.fault.kind != "latency"
        return struck


class _Counted:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._calls = self._hits = 0

    def next_is_hit(self, *, ended: bool) -> bool:
        """Count a call; a fault that comes second to another one is not used up by it."""
        number, self._calls = self._calls, self._calls + 1
        used_up = self.fault.count_max is not None and self._hits >= self.fault.count_max
        if used_up or (ended and self.fault.kind != "latency") or not self.fault.hits(number):
            return False
        self._hits += 1
        return True

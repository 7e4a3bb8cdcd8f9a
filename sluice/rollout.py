"""Bring a new version to the callers step by step, and all back at once when an alarm says so."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from infra.rollout import ALL, NOT_OF_A_RELEASE, steps
from pipeline.errors import OperatingError
from sluice import alarms, functions
from sluice.alarms import Alarm
from sluice.functions import MovedMeanwhile, Route
from sluice.stack import Stack

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = (ALL,)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a rollout, in percent of the invocations, and how long each is watched."""

    steps: tuple[int, ...]
    step_seconds: float


def plan_of(stack: Stack) -> Plan:
    """Return what the stack's settings say; workers are rolled by ECS itself."""
    settings = stack.outputs["settings"]
    # A stack that was deployed before there were rollouts says nothing of them.
    if not functions.names(stack) or "rollout" not in settings:
        return Plan(steps=AT_ONCE, step_seconds=0.0)
    return Plan(
        steps=steps(settings["rollout"], settings["rollout_percent"]),
        step_seconds=settings["rollout_minutes"] * stack.minute_seconds,
    )


def roll_out(stack: Stack, plan: Plan, on_note: Callable[[str], None]) -> Alarm | None:
    """Move every function to what was published last; return the alarm that ended it, if any.

    The processor goes step by step; the other functions, which run once a minute, go with its last
    step, and that is watched as long as the others. With an alarm, and whatever else ends this
    before its time, every alias is back where it was. Raises OperatingError for an alarm that is on
    beforehand, with nothing moved, and MovedMeanwhile when somebody else has moved an alias, which
    then is left to them.
    """
    shift = Shift(stack=stack)
    if not shift.newest:
        return None
    refuse_on_fire(stack)
    try:
        for percent in plan.steps:
            shift.to(percent)
            on_note(f"{percent} % of the invocations get the new version")
            if alarm := shift.watched(plan.step_seconds):
                shift.back()
                return alarm
    except MovedMeanwhile:
        raise
    except BaseException:
        shift.back()
        raise
    return None


def move_all(stack: Stack) -> None:
    """Lead every caller to what was published last, at once and unwatched.

    Where the program publishes nothing new, it moves no alias: a rollback is none of its doing.
    """
    for name, version in Shift(stack=stack).newest.items():
        functions.point(stack, name, version)


def burning(stack: Stack) -> list[Alarm]:
    """Return the alarms that are on and may be a release's doing. Raises OperatingError."""
    return [
        alarm
        for alarm in alarms.read(stack)
        if alarm.state == alarms.ON and alarm.id not in NOT_OF_A_RELEASE
    ]


def refuse_on_fire(stack: Stack) -> None:
    """Raise OperatingError while an alarm is on that could not be told from one of the release."""
    if on := burning(stack):
        raise OperatingError(
            f"{', '.join(alarm.id for alarm in on)} is on already, so no step could be judged; "
            f"mend that first, or move all at once: ./dev sluice deploy --at-once "
            f"--stack {stack.name}"
        )


@dataclass(kw_only=True)
class Shift:
    """The aliases of a stack on their way, each changed only as this one has left it."""

    stack: Stack
    before: dict[str, Route] = field(init=False)
    now: dict[str, Route] = field(init=False)
    newest: dict[str, int] = field(init=False)
    """What each function goes to, of those that are not there yet."""

    def __post_init__(self) -> None:
        """Look where the aliases lead, and what was published last."""
        names = functions.names(self.stack)
        self.before = {name: functions.route(self.stack, name) for name in names}
        self.now = dict(self.before)
        last = {name: functions.versions(self.stack, name)[-1].number for name in names}
        self.newest = {
            name: version
            for name, version in last.items()
            if self.before[name].percent(version) != ALL
        }

    def to(self, percent: int) -> None:
        """Go to one step. Raises MovedMeanwhile, OperatingError."""
        processor = functions.names(self.stack)[0]
        for name, version in self.newest.items():
            if percent == ALL:
                self._point(name, version, {})
            elif name == processor:
                self._point(name, self.before[name].version, {version: percent / ALL})

    def watched(self, seconds: float) -> Alarm | None:
        """Look at the alarms so long; return the first that is on.

        Raises MovedMeanwhile, OperatingError.
        """
        deadline = time.monotonic() + seconds
        while not (on := burning(self.stack)):
            left = deadline - time.monotonic()
            if left <= 0:
                self._check_unmoved()
                return None
            time.sleep(min(LOOK_SECONDS, left))
        return on[0]

    def back(self) -> None:
        """Lead every caller to the version of before. Raises OperatingError."""
        for name, route in self.before.items():
            if self.now[name] != route:
                functions.point(self.stack, name, route.version)

    def _point(self, name: str, version: int, beside: dict[int, float]) -> None:
        self.now[name] = functions.point(
            self.stack, name, version, beside=beside, seen=self.now[name]
        )

    def _check_unmoved(self) -> None:
        for name, route in self.now.items():
            if functions.route(self.stack, name).revision != route.revision:
                raise MovedMeanwhile(
                    f"somebody else has moved the alias of {name} meanwhile; "
                    f"see: ./dev sluice rollback --show --stack {self.stack.name}"
                )

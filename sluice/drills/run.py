"""Run one drill: break, be told, mend by the runbook, be told again, account for every event."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.audit.verdict import Validity, Verdict, Violation
from pipeline.errors import OperatingError
from sluice.drills.drill import Drill, Outcome
from sluice.drills.rig import Rig
from sluice.drills.subscriber import AlarmMessage, Subscriber
from sluice.drills.waiting import NotKept, until

ALARM_MINUTES_MAX: Final = 45
"""An alarm looks at three minutes as a rule; trouble may take some to build up."""
SILENT_MINUTES: Final = 5
"""How long no alarm may come of a fault that is survived by design: longer than any looks back."""
FIRST_EVENTS: Final = 100
MENDING: Final = ("Before you start", "Diagnose", "Fix")
VERIFYING: Final = ("Before you start", "Verify")


@dataclass(kw_only=True)
class _Seen:
    """What was seen so far, in monotonic seconds."""

    broken: float = 0.0
    alarm: AlarmMessage | None = None
    mended: float = 0.0
    clear: AlarmMessage | None = None
    others: Sequence[AlarmMessage] = ()
    verdicts: Sequence[Verdict] = ()
    trouble: str = ""


def run_drill(drill: Drill, rig: Rig) -> Outcome:
    """Run a drill on a stack that has the settings it asks for, and put the stack right again.

    What is not as expected is the outcome's `trouble`. Raises UserError for a stack that it cannot
    be run on.
    """
    seen = _Seen()
    try:
        rig.calm()
        with rig.drilling() as subscriber:
            _go_through(drill, rig, subscriber, seen)
            rig.put_right()
            rig.calm()
            if drill.alarm:
                rig.run_book(drill.runbook_id, *VERIFYING)
            rig.finish_loads()
            drill.finish(rig)
            seen.others = subscriber.messages
            seen.verdicts = rig.settle()
        seen.trouble = _trouble_of(drill, seen)
    except (NotKept, OperatingError) as trouble:
        seen.trouble = str(trouble)
    return _outcome(drill, rig, seen)


def _go_through(drill: Drill, rig: Rig, subscriber: Subscriber, seen: _Seen) -> None:
    """Break, wait for the alarm, heal, run the fix, wait for OK; note what was seen when."""
    until(
        lambda: rig.traffic.acknowledged >= FIRST_EVENTS,
        seconds_max=60,
        what="the first events are acknowledged",
    )
    seen.broken = time.monotonic()
    rig.note(f"break: {drill.fault}")
    drill.break_it(rig)
    if not drill.alarm:
        quiet = time.monotonic() + SILENT_MINUTES * rig.minute_seconds
        until(lambda: time.monotonic() >= quiet, seconds_max=rig.minutes(10), what="quiet minutes")
        rig.check_struck()
        drill.heal(rig)
        return
    seconds_max = rig.minutes(ALARM_MINUTES_MAX, extra_seconds=60)
    seen.alarm = subscriber.wait_for(
        drill.alarm, "ALARM", since=seen.broken, seconds_max=seconds_max
    )
    rig.note(f"ALARM: {drill.alarm}: {seen.alarm.reason}")
    rig.check_struck()
    drill.heal(rig)
    rig.run_book(drill.runbook_id, *MENDING, cause=drill.cause)
    seen.mended = time.monotonic()
    seen.clear = subscriber.wait_for(
        drill.alarm, "OK", since=seen.alarm.at, seconds_max=seconds_max
    )
    rig.note(f"OK: {drill.alarm}")


def _trouble_of(drill: Drill, seen: _Seen) -> str:
    """Return what is not as it should be after a drill that ran to its end; empty if all is."""
    fired = sorted({m.alarm for m in seen.others if m.state == "ALARM"})
    if not drill.alarm and fired:
        return f"silent by design, but {', '.join(fired)} fired"
    allowed = {Violation.OUT_OF_ORDER} if drill.reorders else set[Violation]()
    for verdict in seen.verdicts:
        violated = {kind for kind, count in verdict.violations.items() if count}
        if verdict.validity is Validity.UNKNOWN or violated - allowed:
            return verdict.summary()
    return ""


def _outcome(drill: Drill, rig: Rig, seen: _Seen) -> Outcome:
    fired = {m.alarm for m in seen.others if m.state == "ALARM"}
    counts: Counter[str] = Counter()
    for verdict in seen.verdicts:
        account = verdict.account
        for name in ("sent", "stored", "quarantined", "lost", "duplicated", "altered"):
            counts[name] += getattr(account, name)
        counts["out_of_order"] += account.out_of_order
    valid = bool(seen.verdicts) and not seen.trouble
    return Outcome(
        id=drill.id,
        stream=rig.stack.connection.kind,
        fault=drill.fault,
        detected_by=seen.alarm.alarm if seen.alarm else "",
        by_design=drill.by_design,
        detected_seconds=_since(seen.broken, seen.alarm),
        recovered_seconds=_recovered(seen),
        minute_seconds=rig.minute_seconds,
        runbook=f"{drill.runbook_id}: {drill.cause}" if drill.alarm else "",
        validity="valid" if valid else "invalid",
        sent=counts["sent"],
        stored=counts["stored"],
        quarantined=counts["quarantined"],
        lost=counts["lost"],
        duplicated=counts["duplicated"],
        altered=counts["altered"],
        out_of_order=counts["out_of_order"],
        reorders=drill.reorders,
        also=sorted(fired - {drill.alarm}),
        timeline=[(round(at - seen.broken, 1), text) for at, text in rig.timeline],
        trouble=seen.trouble,
    )


def _recovered(seen: _Seen) -> float | None:
    """Return the seconds until all was well: the alarm said so, and the fix had been run."""
    return round(max(seen.clear.at, seen.mended) - seen.broken, 1) if seen.clear else None


def _since(broken: float, message: AlarmMessage | None) -> float | None:
    return round(message.at - broken, 1) if message else None

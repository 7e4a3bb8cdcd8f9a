"""Events that are wrong: they break their contract, their clock is wrong, or they kill."""

import json
from typing import Final

from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import wall_clock_ms
from sluice.drills.drill import Drill
from sluice.drills.packages import Change
from sluice.drills.rig import Rig

SPOIL_EVERY: Final = 10
SKEWED_RATE: Final = 20.0
FATAL: Final = b"FATAL-"
SHORT_MS: Final = 5_000
CLOCK_AHEAD_MS: Final = 6 * 3_600_000
"""Contracts take event times up to an hour ahead of the arrival."""


def spoil(rig: Rig) -> None:
    """Let a tenth of the events break their contract."""
    rig.traffic.spoil_every = SPOIL_EVERY


def roll_back_producer(rig: Rig) -> None:
    """Let the producer's release be rolled back."""
    rig.traffic.spoil_every = 0


def move_clock(rig: Rig) -> None:
    """Let a second producer come whose clock is hours ahead."""
    rig.send(rate=SKEWED_RATE).clock_ms = CLOCK_AHEAD_MS


def set_clock(rig: Rig) -> None:
    """Set that producer's clock right, and let all rest: the runbook's replay drains the stack."""
    rig.loads[-1].clock_ms = 0
    for traffic in rig.loads:
        traffic.rate = 0


def kills(rig: Rig) -> None:
    """Let a record come at which the function's process dies, whoever takes it.

    A record is masked once the deadlines of the attempts at it are over (protocol.md, T13), which
    the settings allow to be no shorter than a minute; this function gives itself seconds of it.
    """
    rig.undo.append(rig.deploy)
    rig.deploy(
        Change(
            file="pipeline/core/process.py",
            old="    intake = take_in(batch, limits)\n",
            new=f"""\
    if any({FATAL!r} in r.data for r in batch.records if r.position not in batch.masked):
        __import__("os")._exit(1)
    intake = take_in(batch, limits)
""",
        ),
        Change(
            file="lambdas/process_stream/handler.py",
            old="(event, context.get_remaining_time_in_millis)",
            new=f"(event, lambda: min({SHORT_MS}, context.get_remaining_time_in_millis()))",
        ),
    )
    environment = rig.stack.environment
    own_id = f"{FATAL.decode()}{wall_clock_ms()}"
    event = json.loads(KNOWN_GOOD.data) | {"id": own_id, "event_time": wall_clock_ms()}
    environment.kinesis.put_record(
        StreamName=environment.settings.stream,
        PartitionKey="fatal",
        Data=json.dumps(event).encode(),
    )


def replay_masked(rig: Rig) -> None:
    """Send the masked record again, by the runbook, now that the fix is deployed."""
    rig.settle()
    rig.run_book("quarantine-rate", "Before you start", "Fix", cause="A record kills the process")


BAD_RECORDS: Final = (
    Drill(
        id="poison-that-parses-wrong",
        streams=("kinesis", "kafka", "pulsar"),
        fault="a producer's release sends events that break their contract, one in ten",
        alarm="quarantine-rate",
        cause="A producer's release",
        break_it=spoil,
        heal=roll_back_producer,
        anywhere=True,
    ),
    Drill(
        id="clock-skew",
        fault="a producer's clock is six hours ahead",
        alarm="quarantine-rate",
        cause="Clocks, or a backfill",
        break_it=move_clock,
        heal=set_clock,
        anywhere=True,
    ),
    Drill(
        id="record-that-kills",
        fault="a record kills the process of every function that takes it",
        alarm="function-errors",
        cause="A record kills the process",
        break_it=kills,
        finish=replay_masked,
    ),
)

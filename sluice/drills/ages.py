"""A reader that stands still, until events are late and their retention runs out."""

from typing import Final

from infra.local.ageing import AGE_TAG
from sluice.drills.deploys import DEFECT
from sluice.drills.drill import Drill
from sluice.drills.rig import RATE, Rig
from sluice.drills.waiting import until

AGE_SECONDS: Final = 13 * 3_600
"""More than half of the least retention there is, 24 hours."""
UNREAD_EVENTS: Final = 300


def run_out_of_retention(rig: Rig) -> None:
    """Let the function fail for half of the retention: it fails now, and what waits grows old.

    The producer's clock goes back as far, so that the events are as old as their records.
    """
    traffic = rig.traffic
    traffic.rate, traffic.clock_ms = 0.0, -AGE_SECONDS * 1_000
    rig.drain()
    traffic.rate = RATE
    rig.undo.append(rig.deploy)
    rig.deploy(DEFECT)
    before = traffic.acknowledged
    until(
        lambda: traffic.acknowledged >= before + UNREAD_EVENTS,
        seconds_max=60,
        what="events wait unread",
    )
    environment = rig.stack.environment
    environment.kinesis.add_tags_to_stream(
        StreamName=environment.settings.stream, Tags={AGE_TAG: str(AGE_SECONDS)}
    )
    traffic.clock_ms = 0


def stop_reading(rig: Rig) -> None:
    """Switch the mapping off by hand, and tell nobody."""
    rig.client("lambda").update_event_source_mapping(
        UUID=rig.stack.outputs["mapping_uuid"], Enabled=False
    )


def forbid_to_run(rig: Rig) -> None:
    """Reserve no run at all for the stream processor: the emergency stop, left behind."""
    rig.client("lambda").put_function_concurrency(
        FunctionName=rig.stack.outputs["function_name"], ReservedConcurrentExecutions=0
    )


AGES: Final = (
    Drill(
        id="retention-running-out",
        fault="the function has failed for 13 of 24 hours of retention",
        alarm="age-against-retention",
        cause="Not enough time",
        break_it=run_out_of_retention,
    ),
    Drill(
        id="mapping-switched-off",
        fault="somebody switched the event source mapping off",
        alarm="canary-not-seen",
        cause="The functions are paused",
        break_it=stop_reading,
        anywhere=True,
    ),
    Drill(
        id="function-forbidden",
        fault="somebody set the function's reserved concurrency to 0",
        alarm="function-throttles",
        cause="A limit was set by hand",
        break_it=forbid_to_run,
        anywhere=True,
    ),
)

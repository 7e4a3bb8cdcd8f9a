"""Bounded retries: Lambda gives batches up and sets them aside; they come back by themselves."""

from typing import Final

from sluice.drills.deploys import DEFECT
from sluice.drills.drill import Drill
from sluice.drills.rig import Rig

BOUNDED: Final = {"retry_attempts_max": "1"}


def fail_under_bounded_retries(rig: Rig) -> None:
    """Deploy a function that fails, where a batch is retried once and then given up."""
    rig.undo.append(rig.deploy)
    rig.deploy(DEFECT)


RETRIES: Final = (
    Drill(
        id="on-failure-objects",
        fault="the function fails for a while and batches may be retried once only",
        alarm="on-failure-objects",
        cause="A limit on retries or age",
        break_it=fail_under_bounded_retries,
        settings=BOUNDED,
    ),
)

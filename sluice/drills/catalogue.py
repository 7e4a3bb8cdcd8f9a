"""Every drill that there is, in the order in which a newcomer wants to read of them."""

import difflib
from collections.abc import Sequence
from typing import Final

from pipeline.errors import UserError
from sluice.drills.ages import AGES
from sluice.drills.bad_records import BAD_RECORDS
from sluice.drills.capacity import CAPACITY
from sluice.drills.delivery import DELIVERY
from sluice.drills.deploys import DEPLOYS
from sluice.drills.drill import Drill
from sluice.drills.processes import PROCESSES
from sluice.drills.retries import RETRIES
from sluice.drills.stores import STORES
from sluice.drills.topics import TOPICS
from sluice.drills.watchers import WATCHERS

DRILLS: Final[Sequence[Drill]] = (
    *BAD_RECORDS,
    *DEPLOYS,
    *PROCESSES,
    *STORES,
    *DELIVERY,
    *CAPACITY,
    *AGES,
    *WATCHERS,
    *RETRIES,
    *TOPICS,
)
BY_ID: Final = {drill.id: drill for drill in DRILLS}


def find(drill_id: str) -> Drill:
    """Return a drill by its id. Raises UserError with the nearest ids for one that is not."""
    if drill_id in BY_ID:
        return BY_ID[drill_id]
    near = difflib.get_close_matches(drill_id, BY_ID, n=3, cutoff=0.4)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"there is no drill {drill_id}{meant} (all of them: ./dev sluice drill)")

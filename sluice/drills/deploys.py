"""Deploys of the functions that bring a defect."""

from typing import Final

from sluice.drills.drill import Drill
from sluice.drills.packages import Change
from sluice.drills.rig import Rig

FUNCTIONS: Final = "pipeline/functions.py"
OPENING: Final = "    shard, records = records_by_shard(event)\n"
DEFECT: Final = Change(
    file=FUNCTIONS,
    old=OPENING,
    new=f"    raise KeyError('a field that the release forgot')\n{OPENING}",
)


def deploy_a_defect(rig: Rig) -> None:
    """Deploy a function that fails on every batch."""
    rig.undo.append(rig.deploy)
    rig.deploy(DEFECT)


DEPLOYS: Final = (
    Drill(
        id="bad-deploy",
        fault="a deployed version of the function fails on every batch",
        alarm="function-errors",
        cause="A bad deploy",
        break_it=deploy_a_defect,
    ),
)

"""The functions die, hang, or are deployed with a defect."""

import pytest

from sluice.drills.deploys import DEPLOYS
from sluice.drills.drill import Drill
from sluice.drills.processes import PROCESSES
from tests.drills.conftest import Drilled


@pytest.mark.parametrize("drill", [*DEPLOYS, *PROCESSES], ids=lambda drill: drill.id)
def test_functions_in_trouble_lose_and_double_nothing(drill: Drill, drilled: Drilled) -> None:
    drilled(drill)

"""What was stopped, damaged or given up is found and mended."""

import pytest

from sluice.drills.ages import AGES
from sluice.drills.drill import Drill
from sluice.drills.retries import RETRIES
from sluice.drills.watchers import WATCHERS
from tests.drills.conftest import Drilled


@pytest.mark.parametrize("drill", [*AGES, *WATCHERS, *RETRIES], ids=lambda drill: drill.id)
def test_what_was_stopped_or_damaged_is_mended_without_a_loss(
    drill: Drill, drilled: Drilled
) -> None:
    drilled(drill)

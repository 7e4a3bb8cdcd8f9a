"""Producers, network and shards misbehave."""

import pytest

from sluice.drills.bad_records import BAD_RECORDS
from sluice.drills.capacity import CAPACITY
from sluice.drills.delivery import DELIVERY
from sluice.drills.drill import Drill
from tests.drills.conftest import Drilled


@pytest.mark.parametrize("drill", [*BAD_RECORDS, *DELIVERY, *CAPACITY], ids=lambda drill: drill.id)
def test_what_comes_wrong_into_the_stream_loses_and_doubles_nothing(
    drill: Drill, drilled: Drilled
) -> None:
    drilled(drill)

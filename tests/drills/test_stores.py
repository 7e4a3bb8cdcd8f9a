"""S3, DynamoDB, the key and the disk refuse."""

import pytest

from sluice.drills.drill import Drill
from sluice.drills.stores import STORES
from tests.drills.conftest import Drilled


@pytest.mark.parametrize("drill", STORES, ids=lambda drill: drill.id)
def test_stores_in_trouble_lose_and_double_nothing(drill: Drill, drilled: Drilled) -> None:
    drilled(drill)

"""The schedules of protocol.md, section 5, against the protocol in memory."""

import pytest

from pipeline.testing.schedules import ONE_SHARD, Schedule
from pipeline.testing.schedules_poison import POISON
from pipeline.testing.schedules_restore import RESTORE
from pipeline.testing.schedules_shards import SHARDS
from pipeline.testing.schedules_source import SOURCE


@pytest.mark.parametrize(
    "schedule",
    [*ONE_SHARD, *SOURCE, *SHARDS, *POISON, *RESTORE],
    ids=lambda schedule: schedule.__name__,
)
def test_every_id_is_accounted_for(schedule: Schedule) -> None:
    schedule()

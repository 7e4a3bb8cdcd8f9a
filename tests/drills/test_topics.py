"""A stack on a topic: its workers, its watcher or its broker in trouble."""

import pytest

from sluice.drill import on_streams
from sluice.drills.bad_records import BAD_RECORDS
from sluice.drills.drill import Drill, Stream
from sluice.drills.topics import TOPICS
from tests.drills.conftest import Drilled

RUNS = [run for run in on_streams((*BAD_RECORDS, *TOPICS), None) if run[1] != "kinesis"]


@pytest.mark.parametrize(("drill", "stream"), RUNS, ids=lambda each: getattr(each, "id", each))
def test_a_topic_in_trouble_loses_and_doubles_nothing(
    drill: Drill, stream: Stream, drilled: Drilled
) -> None:
    drilled(drill, stream)

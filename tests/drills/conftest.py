"""Drills on stacks of their own: broken, seen, mended, and every event accounted for."""

from collections.abc import Callable, Iterator

import pytest

from sluice.drills.drill import Drill, Stream
from sluice.drills.run import run_drill
from sluice.drills.stacks import Rigs
from tests.brokers import require

Drilled = Callable[..., None]


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """Run a drill on a stack of this module and hold it to what it promises."""
    with Rigs(home=tmp_path_factory.mktemp("home")) as rigs:

        def run(drill: Drill, stream: Stream = "kinesis") -> None:
            if stream != "kinesis":
                require(stream)
            outcome = run_drill(drill, rigs.of(drill, stream))
            assert not outcome.trouble, outcome.trouble
            assert outcome.stream == stream
            assert outcome.detected_by == drill.alarm
            assert outcome.sent == outcome.stored + outcome.quarantined > 0
            assert outcome.lost == outcome.duplicated == outcome.altered == 0

        yield run

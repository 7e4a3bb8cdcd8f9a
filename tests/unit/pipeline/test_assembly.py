"""How a worker is put together: with a core that is sure of what it is given, and no more code."""

import subprocess
import sys

import pytest

from pipeline.assembly import core_for
from pipeline.core.batch import Limits
from pipeline.core.records import Position, ShardId
from pipeline.core.result import Attempt
from pipeline.domain import catalog
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.errors import BrokenInvariant
from pipeline.testing.core import ScriptedSeen

OF_FUNCTIONS = {
    "pipeline.auditing",
    "pipeline.functions",
    "pipeline.probe",
    "pipeline.shard_scaler",
}


def test_the_core_refuses_a_seen_set_of_another_make() -> None:
    core = core_for(catalog(), Limits())
    attempt = Attempt(shard=ShardId("s"), first=Position(0), token="t")
    with pytest.raises(BrokenInvariant, match="SeenIds"):
        core(
            (KNOWN_GOOD,),
            masked=frozenset(),
            lost=(),
            attempt=attempt,
            seen=ScriptedSeen(window_ms=1),
        )


def test_a_long_running_worker_loads_nothing_of_the_functions() -> None:
    loads = "import sys, pipeline.consumer.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert not OF_FUNCTIONS & set(done.stdout.split())

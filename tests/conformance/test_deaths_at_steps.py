"""SIGKILL inside of each step of a take: what docs/architecture.md says of a crash at each arrow.

The front holds one call of the step, the worker dies in it, another one does the work, and only
then is the dead one's call let go. On Kafka alone: from the fence on no step asks the stream
anything, so that another one would be killed in the same calls.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from infra.local.front.faults import Fault
from pipeline.ledger.state import ShardStatus
from pipeline.names import LAKE_PREFIX, STAGING_PREFIX
from tests.conformance.conftest import EVENTS, Place, begun
from tests.conformance.load import Load
from tests.conformance.workers import WorkerProcess
from tests.waiting import until


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call of a take, and how the shard stands whose worker dies in it."""

    service: str
    operation: str
    key_prefix: str = ""
    left: Callable[[ShardStatus], bool]

    @property
    def hang(self) -> Fault:
        return Fault(
            service=self.service,
            operation=self.operation,
            key_prefix=self.key_prefix,
            kind="hang",
            count_max=1,
        )


def untouched(shard: ShardStatus) -> bool:
    return shard.waiting is not None and not shard.open and not shard.unpublished


def fenced(shard: ShardStatus) -> bool:
    return shard.open and not shard.unpublished


def committed(shard: ShardStatus) -> bool:
    return shard.unpublished and not shard.open


STEPS = {
    "fence": Step(service="dynamodb", operation="PutItem", left=untouched),
    "stage": Step(service="s3", operation="PutObject", key_prefix=STAGING_PREFIX, left=fenced),
    "commit": Step(service="dynamodb", operation="TransactWriteItems", left=fenced),
    "publish": Step(service="s3", operation="PutObject", key_prefix=LAKE_PREFIX, left=committed),
    "mark": Step(service="dynamodb", operation="UpdateItem", left=committed),
}


def die_in(name: str, worker: WorkerProcess, load: Load, place: Place) -> WorkerProcess:
    """Kill a worker in a step, and return the one that did its work before its call took effect."""
    place.front.inject([STEPS[name].hang])
    load.send(EVENTS)
    until(lambda: place.front.held() == 1, what=name)
    worker.kill()
    assert any(map(STEPS[name].left, place.pending())), name
    load.send(EVENTS)
    load.flush()
    other = place.work()
    until(place.is_drained, what=name)
    place.front.clear()
    until(lambda: place.front.held() == 0)
    return other


@pytest.mark.parametrize("place", ["kafka"], indirect=True)
def test_sigkill_at_each_step_of_a_take_loses_and_doubles_nothing(place: Place) -> None:
    worker, load = begun(place)
    for name in STEPS:
        worker = die_in(name, worker, load, place)

    place.settle()

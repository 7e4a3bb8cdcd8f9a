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


@pytest.mark.parametrize("place", ["kafka"], indirect=True)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_sigkill_at_each_step_loses_and_doubles_nothing(place: Place, step: Step) -> None:
    worker, load = begun(place)
    place.front.inject([step.hang])
    load.send(EVENTS)
    until(lambda: place.front.held() == 1)

    worker.kill()
    assert any(step.left(shard) for shard in place.pending())
    load.send(EVENTS)
    load.flush()
    place.work()
    until(place.is_drained)
    place.front.clear()
    until(lambda: place.front.held() == 0)

    place.settle()

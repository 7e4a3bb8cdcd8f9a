"""Each guard of the worker's loop, switched off alone, turns one of its tests red."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.consumer import takes
from pipeline.consumer.batches import weight_bytes
from pipeline.consumer.loop import Loop
from pipeline.consumer.partition import Held, Partition
from pipeline.consumer.schedule import Candidate
from pipeline.consumer.takes import Takes
from pipeline.errors import BrokenInvariant, OperatingError
from pipeline.testing.account import Violation
from tests.unit.consumer import test_hand_over as hand_over
from tests.unit.consumer import test_loop as loop
from tests.unit.consumer.conftest import World

Patch = pytest.MonkeyPatch
real: dict[str, Any] = {
    "lose": Partition.lose,
    "start": Loop._start,
    "ended": Loop._ended,
    "poll": Loop._poll,
}


def the_anchor_outlives_trouble(patch: Patch) -> None:
    def lose(self: Any, trouble: Any) -> None:
        anchor = self.anchor
        real["lose"](self, trouble)
        self.anchor = anchor

    patch.setattr(Partition, "lose", lose)


def what_is_handed_over_is_acknowledged_at_once(patch: Patch) -> None:
    def start(self: Any) -> None:
        real["start"](self)
        for shard in self._running:
            last = self._partitions[shard]._batch[-1].record.position
            self._subscription.settle(shard, committed=last)

    patch.setattr(Loop, "_start", start)


def a_full_buffer_goes_on_fetching(patch: Patch) -> None:
    patch.setattr(Loop, "_balance", lambda self: None)


def a_revoked_partition_goes_at_once(patch: Patch) -> None:
    patch.setattr(Loop, "_await", lambda self, shards: None)


def nothing_is_sought_after_trouble(patch: Patch) -> None:
    def recover(self: Any) -> None:
        for partition in self._partitions.values():
            if partition.phase == "lost":
                partition.follow()

    patch.setattr(Loop, "_recover", recover)


def a_partition_may_have_two_takes(patch: Patch) -> None:
    def candidates(self: Any) -> Any:
        for shard, partition in self._partitions.items():
            due_ms = partition.due_ms(self._rules())
            if due_ms is not None:
                yield Candidate(shard=shard, due_ms=due_ms, suspect=partition.suspect)

    patch.setattr(Loop, "_candidates", candidates)


def a_record_that_comes_again_is_taken_for_new(patch: Patch) -> None:
    def take_in(self: Any, records: Any, *, now_ms: int, wall_ms: int) -> bool:
        self._held += [Held(record, now_ms, 0) for record in records]
        self.size_bytes += sum(weight_bytes(record) for record in records)
        return True

    patch.setattr(Partition, "take_in", take_in)


def nobody_is_a_suspect(patch: Patch) -> None:
    patch.setattr(takes, "is_suspect", lambda head: False)


def a_revoked_partition_is_remembered(patch: Patch) -> None:
    patch.setattr(Takes, "forget", lambda self, shard: None)


def trouble_is_taken_for_success(patch: Patch) -> None:
    def ended(self: Any, partition: Any, taken: Any) -> None:
        if isinstance(taken, Exception):
            partition.succeeded(partition._batch[-1].record.position)
            return
        real["ended"](self, partition, taken)

    patch.setattr(Loop, "_ended", ended)


def a_silent_broker_ends_the_worker(patch: Patch) -> None:
    def poll(self: Any) -> None:
        self._subscription.poll(self, seconds_max=0)
        real["poll"](self)

    patch.setattr(Loop, "_poll", poll)


def a_partition_without_a_head_begins_anywhere(patch: Patch) -> None:
    patch.setattr(Loop, "_lose", lambda self, partition, error: None)


MUTATIONS: tuple[tuple[Callable[[Patch], None], Callable[[World], None]], ...] = (
    (
        the_anchor_outlives_trouble,
        loop.test_a_store_in_trouble_is_tried_again_and_the_stream_sought_where_the_ledger_stands,
    ),
    (
        what_is_handed_over_is_acknowledged_at_once,
        loop.test_what_is_put_is_in_the_lake_and_only_then_acknowledged,
    ),
    (
        a_full_buffer_goes_on_fetching,
        loop.test_a_full_buffer_stops_the_fetching_and_nothing_is_dropped,
    ),
    (
        a_revoked_partition_goes_at_once,
        hand_over.test_a_revoked_partition_is_let_go_only_after_its_take,
    ),
    (a_revoked_partition_goes_at_once, hand_over.test_leaving_lets_takes_end_and_acknowledges_them),
    (
        nothing_is_sought_after_trouble,
        loop.test_a_store_in_trouble_is_tried_again_and_the_stream_sought_where_the_ledger_stands,
    ),
    (
        a_partition_may_have_two_takes,
        hand_over.test_a_partition_that_comes_back_waits_for_its_own_old_take,
    ),
    (
        a_record_that_comes_again_is_taken_for_new,
        loop.test_a_subscription_that_somebody_moved_back_is_sought_again,
    ),
    (nobody_is_a_suspect, loop.test_a_record_that_kills_is_masked_and_no_neighbour_is_blamed),
    (
        a_revoked_partition_is_remembered,
        hand_over.test_a_revoked_partition_is_let_go_only_after_its_take,
    ),
    (
        trouble_is_taken_for_success,
        loop.test_a_store_in_trouble_is_tried_again_and_the_stream_sought_where_the_ledger_stands,
    ),
    (a_silent_broker_ends_the_worker, loop.test_a_broker_that_is_down_holds_no_take_up),
    (
        a_partition_without_a_head_begins_anywhere,
        loop.test_a_partition_whose_head_cannot_be_read_is_sought_later,
    ),
)


@pytest.mark.parametrize(
    ("mutation", "test"),
    MUTATIONS,
    ids=[f"{mutation.__name__}-{test.__name__}" for mutation, test in MUTATIONS],
)
def test_a_test_goes_red_without(
    mutation: Callable[[Patch], None], test: Callable[[World], None], monkeypatch: Patch
) -> None:
    test(World())
    mutation(monkeypatch)
    with pytest.raises((Violation, BrokenInvariant, AssertionError, OperatingError)):
        test(World())

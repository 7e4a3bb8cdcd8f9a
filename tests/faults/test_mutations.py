"""Each guard of protocol.md, switched off alone, turns the verdict of a schedule invalid."""

from collections.abc import Callable

import pytest

from pipeline.errors import BrokenInvariant
from pipeline.testing import schedules, schedules_restore, schedules_shards, schedules_source
from pipeline.testing.account import Violation
from tests.faults import guards

Patch = pytest.MonkeyPatch

ONE = schedules
SOURCE = schedules_source
REWOUND = schedules_restore
MANY = schedules_shards
MUTATIONS: tuple[tuple[Callable[[Patch], None], Callable[[], None]], ...] = (
    (guards.the_set_changes_before_the_commit, ONE.raise_after_the_core_then_a_warm_retry),
    (guards.the_warm_set_has_no_tag, ONE.the_shard_changes_hands_and_comes_back),
    (guards.no_dedupe, SOURCE.a_cold_start_after_compaction),
    (guards.the_transaction_has_no_fence, ONE.the_lost_fence_is_noticed_before_the_commit),
    (guards.the_head_is_written_whatever_it_says, ONE.a_zombie_wakes_at_every_effect),
    (guards.no_gap_check, SOURCE.the_source_discards),
    (guards.lost_ranges_are_passed_over, SOURCE.a_gap_expired),
    (guards.what_expired_is_not_looked_up, SOURCE.a_gap_expired),
    (guards.a_held_position_proves_nothing, SOURCE.an_old_gap_that_is_still_in_the_stream),
    (guards.an_empty_stream_is_not_noted, SOURCE.an_idle_shard_goes_on_after_its_records_expired),
    (
        guards.an_empty_stream_vouches_for_all_before_it,
        SOURCE.a_tail_that_expired_before_anybody_looked,
    ),
    (guards.what_is_gone_has_no_end, SOURCE.a_range_that_expired_before_any_commit),
    (guards.what_is_gone_has_no_end, SOURCE.a_discarded_tail_that_no_record_follows),
    (guards.a_rewound_ledger_is_used_as_it_is, REWOUND.rewound_to_every_moment),
    (guards.a_restore_trusts_the_journal_alone, REWOUND.rewound_to_every_moment),
    (guards.a_restore_trusts_the_head_alone, REWOUND.rewound_to_every_moment),
    (guards.no_sweeper, ONE.killed_at_every_effect_and_no_batch_ever_comes),
    (guards.no_sweeper, SOURCE.the_source_discards),
    (guards.the_sweeper_fences_live_workers, MANY.a_child_meets_a_live_parent),
    (
        guards.a_sweep_looks_once_whether_anybody_is_at_work,
        MANY.a_sweep_meets_a_worker_that_has_just_begun,
    ),
    (guards.parents_are_not_awaited, MANY.a_parent_discarded_before_its_child),
    (guards.the_lineage_is_the_shard_itself, MANY.a_split_with_copies_in_both_children),
    (guards.the_lineage_is_the_parents_only, MANY.a_merge_then_a_grandchild_with_copies),
    (guards.one_parent_of_a_merge_is_forgotten, MANY.a_merge_then_a_grandchild_with_copies),
    (guards.ids_come_from_lake_files, SOURCE.a_cold_start_after_compaction),
    (guards.compaction_beside_a_live_publisher, SOURCE.compaction_and_a_publisher_that_stopped),
    (guards.the_key_is_the_batch_s_first, ONE.redelivered_with_other_boundaries),
    (guards.success_is_answered_early, ONE.a_batch_goes_on_after_another_finished_its_open_range),
    (
        guards.the_next_batch_goes_before_what_is_unpublished,
        ONE.killed_between_two_copies_then_the_next_batch,
    ),
    (guards.foreign_bytes_are_skipped, SOURCE.foreign_bytes_under_the_final_key),
    (guards.rejected_ids_are_not_remembered, SOURCE.a_producer_sends_a_copy_of_what_was_rejected),
)


@pytest.mark.parametrize(
    ("mutation", "schedule"),
    MUTATIONS,
    ids=[f"{mutation.__name__}-{schedule.__name__}" for mutation, schedule in MUTATIONS],
)
def test_the_verdict_is_invalid_without(
    mutation: Callable[[Patch], None], schedule: Callable[[], None], monkeypatch: Patch
) -> None:
    schedule()
    mutation(monkeypatch)
    with pytest.raises((Violation, BrokenInvariant)):
        schedule()

"""Each guard of isolation, switched off alone, turns the verdict of a schedule invalid."""

from collections.abc import Callable

import pytest

from pipeline.testing import schedules_poison as poison
from pipeline.testing.account import Violation
from tests.faults import guards_of_isolation as guards

Patch = pytest.MonkeyPatch

MUTATIONS: tuple[tuple[Callable[[Patch], None], Callable[[], None]], ...] = (
    (guards.no_isolation, poison.poison_anywhere_in_a_batch),
    (guards.masked_without_being_halved, poison.two_that_kill_only_together),
    (guards.two_deaths_are_enough, poison.an_innocent_killed_twice),
    (guards.masked_before_the_deadlines, poison.slow_workers_that_are_not_dead),
    (guards.all_clocks_are_the_same, poison.a_slow_worker_whose_clock_is_behind),
    (guards.deaths_in_storage_count, poison.a_store_that_stalls_until_the_process_is_killed),
    (guards.no_clean_close, poison.an_attempt_that_raises_is_no_death),
    (guards.the_pace_does_not_recover, poison.a_long_batch_recovers_its_pace),
    (guards.any_number_of_masks, poison.every_record_kills),
    (
        guards.a_short_range_inherits_the_deaths_of_a_long_one,
        poison.short_redeliveries_of_a_range_that_killed,
    ),
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
    with pytest.raises(Violation):
        schedule()

"""Each guard of isolation, switched off alone, turns the verdict of a schedule invalid."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.ledger import attempt, isolation
from pipeline.ledger.steps import Steps
from pipeline.testing import schedules_poison as poison
from pipeline.testing.account import Violation

Patch = pytest.MonkeyPatch
real = {"isolate": isolation.isolate}


def nothing(*_: object, **__: object) -> Steps[None]:
    """Do nothing, as a verb."""
    return
    yield


def no_isolation(patch: Patch) -> None:
    def isolate(head: Any, records: Any, lost: Any, **_: Any) -> Any:
        return isolation.Plan(
            records=records, lost=lost, masked=frozenset(), limit=None, suspect_last=None, tokens=()
        )

    patch.setattr(attempt, "isolate", isolate)


def masked_without_being_halved(patch: Patch) -> None:
    def isolate(head: Any, records: Any, lost: Any, **bounds: Any) -> Any:
        if head.open_range is None or len(head.open_range.tokens) < 2:
            return real["isolate"](head, records, lost, **bounds)
        return isolation.Plan(
            records=records[:1],
            lost=lost,
            masked=frozenset((records[0].position,)),
            limit=None,
            suspect_last=None,
            tokens=(),
        )

    patch.setattr(attempt, "isolate", isolate)


def two_deaths_are_enough(patch: Patch) -> None:
    patch.setattr(isolation, "DEATHS_TO_MASK", 2)


def masked_before_the_deadlines(patch: Patch) -> None:
    patch.setattr(isolation, "wait_for_the_dead", lambda head, opened, *, now_ms: None)


def deaths_in_storage_count(patch: Patch) -> None:
    patch.setattr(
        isolation,
        "is_poison",
        lambda opened, records: opened.count == 1 and len(opened.tokens) >= 3,
    )


def no_clean_close(patch: Patch) -> None:
    patch.setattr(attempt, "leave_a_word", nothing)


def the_pace_does_not_recover(patch: Patch) -> None:
    patch.setattr(attempt, "after_success", lambda limit, suspect, *, last: (limit, suspect))


def any_number_of_masks(patch: Patch) -> None:
    def isolate(head: Any, records: Any, lost: Any, *, now_ms: int, masks_in_a_row_max: int) -> Any:
        return real["isolate"](head, records, lost, now_ms=now_ms, masks_in_a_row_max=999)

    patch.setattr(attempt, "isolate", isolate)


def a_short_range_inherits_the_deaths_of_a_long_one(patch: Patch) -> None:
    def isolate(head: Any, records: Any, lost: Any, **bounds: Any) -> Any:
        plan = real["isolate"](head, records, lost, **bounds)
        opened = head.open_range
        if opened is not None and opened.count > 1 and len(plan.records) == 1:
            return replace(plan, tokens=opened.tokens)
        return plan

    patch.setattr(attempt, "isolate", isolate)


MUTATIONS: tuple[tuple[Callable[[Patch], None], Callable[[], None]], ...] = (
    (no_isolation, poison.poison_anywhere_in_a_batch),
    (masked_without_being_halved, poison.two_that_kill_only_together),
    (two_deaths_are_enough, poison.an_innocent_killed_twice),
    (masked_before_the_deadlines, poison.slow_workers_that_are_not_dead),
    (deaths_in_storage_count, poison.a_store_that_stalls_until_the_process_is_killed),
    (no_clean_close, poison.an_attempt_that_raises_is_no_death),
    (the_pace_does_not_recover, poison.a_long_batch_recovers_its_pace),
    (any_number_of_masks, poison.every_record_kills),
    (
        a_short_range_inherits_the_deaths_of_a_long_one,
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

"""The guards of isolation, each with the patch that switches it off."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.ledger import attempt, isolation
from pipeline.ledger.steps import Steps

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


def all_clocks_are_the_same(patch: Patch) -> None:
    patch.setattr(isolation, "CLOCK_SKEW_MS", 0)


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

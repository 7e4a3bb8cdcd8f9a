"""Which records an attempt works on, and whose deaths count (protocol.md, isolate; T11 to T13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record, ShardId
from pipeline.ledger.isolation import (
    TOKENS_MAX,
    TRY_AGAIN_MS,
    Plan,
    TooManyMasks,
    WaitsForDeadline,
    after_success,
    isolate,
    with_phase,
    without_token,
)
from pipeline.ledger.state import Head, OpenRange, OpenToken, Phase

NOW_MS = 100_000


def record(position: int) -> Record:
    return Record(position=Position(position), partition_key="k", arrival_ms=1, data=b"x")


RECORDS = tuple(record(10 * n) for n in range(1, 9))


def token(name: str, *, deadline_ms: int = 0, phase: Phase = "core") -> OpenToken:
    return OpenToken(token=name, deadline_ms=deadline_ms, phase=phase)


def head(*tokens: OpenToken, count: int = 8, last: int = 80, **more: object) -> Head:
    opened = OpenRange(last=Position(last), count=count, tokens=tokens) if tokens else None
    return Head(
        shard=ShardId("s"),
        revision="r",
        changed_ms=0,
        open_range=opened,
        **more,  # type: ignore[arg-type]
    )


def plan(head: Head, records: tuple[Record, ...] = RECORDS, **more: object) -> Plan:
    lost = more.pop("lost", ())
    return isolate(head, records, lost, now_ms=NOW_MS, masks_in_a_row_max=3)  # type: ignore[arg-type]


def test_without_an_open_range_all_records_are_taken() -> None:
    assert plan(head()).records == RECORDS
    assert plan(head()).opening_phase == "unknown"
    assert not plan(head()).phased


def test_one_death_changes_nothing_but_that_phases_are_noted() -> None:
    second = plan(head(token("a")))
    assert second.records == RECORDS
    assert second.phased
    assert second.opening_phase == "storage"


def test_two_deaths_halve_the_range_and_keep_the_last_token() -> None:
    halved = plan(head(token("a"), token("b")))
    assert halved.records == RECORDS[:4]
    assert halved.limit == 4
    assert halved.suspect_last == 80
    assert [t.token for t in halved.tokens] == ["b"]


def test_at_size_one_counting_starts_anew() -> None:
    single = plan(head(token("a"), token("b"), count=2, last=20, suspect_last=Position(80)))
    assert single.records == RECORDS[:1]
    assert single.tokens == ()
    assert single.suspect_last == 80


def test_the_count_is_that_of_the_open_range_not_of_a_shorter_batch() -> None:
    shorter = plan(head(token("a"), token("b"), token("c")), RECORDS[:1])
    assert shorter.masked == frozenset()
    assert shorter.records == RECORDS[:1]
    assert shorter.tokens == ()


def test_three_deaths_at_size_one_mask_the_record_alone() -> None:
    masked = plan(head(token("a"), token("b"), token("c"), count=1, last=10))
    assert masked.masked == {10}
    assert masked.records == RECORDS[:1]
    assert masked.opening_phase == "storage"


def test_a_suspect_waits_for_every_deadline() -> None:
    alive = token("c", deadline_ms=NOW_MS)
    with pytest.raises(WaitsForDeadline) as caught:
        plan(head(token("a"), token("b"), alive, count=1, last=10))
    assert caught.value.position == 10
    assert caught.value.retryable


def test_deaths_while_storing_do_not_count() -> None:
    stored = token("c", phase="storage")
    assert plan(head(token("a"), token("b"), stored, count=1, last=10)).masked == frozenset()


def test_too_many_masks_in_a_row_stop_the_shard() -> None:
    poisoned = head(token("a"), token("b"), token("c"), count=1, last=10, masks_in_a_row=3)
    with pytest.raises(TooManyMasks) as caught:
        plan(poisoned)
    assert not caught.value.retryable


def test_a_stopped_shard_tries_its_record_again_unmasked_and_alone_after_a_while() -> None:
    poisoned = head(token("a"), token("b"), token("c"), count=1, last=10, masks_in_a_row=3)
    later = isolate(poisoned, RECORDS, (), now_ms=TRY_AGAIN_MS, masks_in_a_row_max=3)
    assert later.masked == frozenset()
    assert later.records == RECORDS[:1]
    with pytest.raises(TooManyMasks):
        isolate(poisoned, RECORDS, (), now_ms=TRY_AGAIN_MS - 1, masks_in_a_row_max=3)


def test_a_gap_found_before_a_suspect_is_not_masked_in_its_place() -> None:
    suspect = head(token("a"), token("b"), token("c"), count=1, last=20)
    assert plan(suspect).masked == frozenset()


def test_tokens_are_bounded_and_deaths_that_count_are_kept() -> None:
    many = tuple(token(str(n), phase="storage") for n in range(50))
    kept = plan(head(token("a"), *many, token("b"), count=1, last=10)).tokens
    assert len(kept) == TOKENS_MAX + 2
    assert {"a", "b", "49"} <= {t.token for t in kept}


def test_a_range_ends_before_the_next_loss_and_starts_with_the_one_before_it() -> None:
    lost = tuple(
        LostRange(first=Position(first), last=Position(last), reason="r")
        for first, last in ((1, 9), (31, 39))
    )
    planned = plan(head(), lost=lost)
    assert planned.records == RECORDS[:3]
    assert planned.lost == lost[:1]
    assert planned.first == 1
    assert planned.last == 30


def test_a_loss_with_nothing_after_it_is_a_range_of_its_own() -> None:
    lost = (LostRange(first=Position(5), last=Position(9), reason="r"),)
    alone = plan(head(), (), lost=lost)
    assert (alone.first, alone.last) == (5, 9)


@given(limit=st.integers(1, 10_000), suspect=st.integers(1, 100), last=st.integers(1, 100))
def test_success_doubles_the_limit_below_the_suspect_and_forgets_it_at_it(
    limit: int, suspect: int, last: int
) -> None:
    after = after_success(limit, Position(suspect), last=Position(last))
    assert after == ((None, None) if last >= suspect else (limit * 2, suspect))


def test_a_token_notes_its_phase_and_leaves() -> None:
    opened = head(token("a"), token("b", phase="unknown", deadline_ms=7))
    noted = with_phase(opened, "b", "core")
    over = with_phase(opened, "b", "core", deadline_ms=3)
    assert noted.open_range is not None
    assert over.open_range is not None
    assert noted.open_range.tokens == (token("a"), token("b", deadline_ms=7))
    assert over.open_range.tokens == (token("a"), token("b", deadline_ms=3))
    left = without_token(opened, "b").open_range
    assert left is not None
    assert left.tokens == (token("a"),)
    assert without_token(head(), "b") == with_phase(head(), "b", "core") == head()

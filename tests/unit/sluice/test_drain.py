"""What is waited for before a load is accounted for, and what need not be."""

from pipeline.core.records import Position, ShardId
from pipeline.ledger.state import ShardStatus
from sluice.drain import waits_for

BEGAN_MS = 1_000_000


def status(
    *, since_ms: int | None, unpublished: bool = False, is_open: bool = False
) -> ShardStatus:
    return ShardStatus(
        shard=ShardId("shard"),
        committed=Position(1),
        waiting=Position(2) if since_ms is not None else None,
        waiting_since_ms=since_ms,
        lag_ms=0,
        unpublished=unpublished,
        open=is_open,
        closed=False,
    )


def test_a_shard_at_its_tip_waits_for_nothing() -> None:
    assert waits_for(status(since_ms=None), arrived_by_ms=BEGAN_MS) == ""


def test_a_record_that_had_arrived_is_waited_for() -> None:
    assert "not committed" in waits_for(status(since_ms=BEGAN_MS), arrived_by_ms=BEGAN_MS)


def test_a_record_that_came_after_the_accounting_began_is_not_of_the_load() -> None:
    young = BEGAN_MS + 1
    assert waits_for(status(since_ms=young), arrived_by_ms=BEGAN_MS) == ""
    assert waits_for(status(since_ms=young, is_open=True), arrived_by_ms=BEGAN_MS) == ""
    assert "not committed" in waits_for(status(since_ms=young))


def test_a_commit_whose_files_are_not_visible_is_waited_for_whatever_came_after_it() -> None:
    behind = status(since_ms=BEGAN_MS + 1, unpublished=True)
    assert "to be published" in waits_for(behind, arrived_by_ms=BEGAN_MS)


def test_an_attempt_whose_record_is_gone_is_waited_for() -> None:
    assert "has not ended" in waits_for(status(since_ms=None, is_open=True), arrived_by_ms=BEGAN_MS)

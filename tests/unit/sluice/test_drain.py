"""What is waited for before a load is accounted for, and what need not be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.core.records import Position, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardStatus
from sluice import drain
from sluice.drain import CLOCKS_APART_MS, drain_stack, waits_for
from sluice.stack import Stack

BEGAN_MS = 1_000_000
STACK = Stack(name="prod", folder=Path("prod"), outputs={}, endpoint=None)


def status(
    *,
    since_ms: int | None,
    unpublished: bool = False,
    is_open: bool = False,
    shard: str = "shard",
) -> ShardStatus:
    return ShardStatus(
        shard=ShardId(shard),
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


@dataclass(kw_only=True)
class Worker:
    """Tells of its shards look by look; the last look is the last word."""

    looks: list[Sequence[ShardStatus]]
    waited_for: list[str] = field(default_factory=list)

    def pending(self) -> Sequence[ShardStatus]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


Drained = Callable[..., Worker]


@pytest.fixture
def drained(monkeypatch: pytest.MonkeyPatch) -> Drained:
    """Drain a stack whose worker tells this, look by look."""
    monkeypatch.setattr(drain, "LOOK_SECONDS", 0)
    monkeypatch.setattr(drain, "wall_clock_ms", lambda: BEGAN_MS)

    def run(*looks: Sequence[ShardStatus]) -> Worker:
        worker = Worker(looks=list(looks))

        @contextmanager
        def worker_of(_stack: object) -> Iterator[Worker]:
            yield worker

        monkeypatch.setattr(drain, "worker_of", worker_of)
        drain_stack(STACK, seconds_max=0.2, on_wait=worker.waited_for.append)
        return worker

    return run


LATER_MS = BEGAN_MS + CLOCKS_APART_MS + 1


def test_a_stream_that_is_never_at_rest_is_drained_of_what_had_arrived(drained: Drained) -> None:
    busy = status(since_ms=LATER_MS, shard="a"), status(since_ms=LATER_MS, shard="b")
    assert drained(busy).waited_for == []


def test_a_shard_that_was_done_once_is_not_waited_for_again(drained: Drained) -> None:
    first = status(since_ms=LATER_MS, shard="a"), status(since_ms=BEGAN_MS, shard="b")
    publishing = status(since_ms=LATER_MS, unpublished=True, shard="a")
    second = publishing, status(since_ms=LATER_MS, shard="b")
    (said,) = drained(first, second).waited_for
    assert said.startswith("b: records not committed")


def test_a_record_of_a_clock_that_is_ahead_of_ours_is_waited_for(drained: Drained) -> None:
    ahead = status(since_ms=BEGAN_MS + CLOCKS_APART_MS)
    assert len(drained([ahead], [status(since_ms=None)]).waited_for) == 1


def test_a_shard_that_comes_meanwhile_is_looked_at_too(drained: Drained) -> None:
    parent, child = status(since_ms=BEGAN_MS, shard="a"), status(since_ms=BEGAN_MS, shard="b")
    done = status(since_ms=None, shard="a")
    worker = drained([parent], [done, child], [done, status(since_ms=None, shard="b")])
    assert [said[0] for said in worker.waited_for] == ["a", "b"]


def test_what_is_still_waited_for_in_the_end_is_said(drained: Drained) -> None:
    with pytest.raises(OperatingError, match="is not drained after 0 s: shard: records not comm"):
        drained([status(since_ms=BEGAN_MS)])

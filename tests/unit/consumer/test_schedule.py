"""Whose take starts: the longest due first, a suspect only while nothing else runs."""

from pipeline.consumer.schedule import SUSPECT_WAITS_MS, AtWork, Candidate, choose
from pipeline.core.records import ShardId

NOW_MS = 100_000


def due(name: str, at_ms: int, *, suspect: bool = False) -> Candidate:
    return Candidate(shard=ShardId(name), due_ms=at_ms, suspect=suspect)


def started(*candidates: Candidate, at_work: AtWork = AtWork(), threads: int = 4) -> list[str]:  # noqa: B008
    return list(choose(candidates, at_work, threads=threads, now_ms=NOW_MS))


def test_the_longest_due_go_first_as_far_as_there_are_threads() -> None:
    waiting = [due("a", 3), due("b", 1), due("c", 2), due("d", NOW_MS + 1)]

    assert started(*waiting) == ["b", "c", "a"]
    assert started(*waiting, threads=2) == ["b", "c"]
    assert started(*waiting, threads=2, at_work=AtWork(takes=1)) == ["b"]


def test_a_suspect_lets_others_go_first_for_a_while() -> None:
    assert started(due("s", NOW_MS - 1, suspect=True), due("a", NOW_MS)) == ["a"]


def test_a_suspect_whose_turn_it_is_runs_alone_and_holds_later_ones_back() -> None:
    suspect = due("s", NOW_MS - SUSPECT_WAITS_MS - 1, suspect=True)

    assert started(suspect, due("a", NOW_MS)) == ["s"]
    assert started(suspect, due("a", NOW_MS), at_work=AtWork(takes=1)) == []
    assert started(suspect, at_work=AtWork(sweeping=True)) == []
    assert started(due("a", 0), suspect) == ["a"]


def test_nothing_starts_beside_one_that_runs_alone() -> None:
    assert started(due("a", 0), at_work=AtWork(takes=1, alone=True)) == []

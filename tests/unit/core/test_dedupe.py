"""The seen set: what it finds, lets go, bounds and costs; and that warm and cold answer alike."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import runs
from pipeline.core.dedupe import SeenIds
from pipeline.core.runs import Entries
from pipeline.core.verdicts import Verdict, judge
from pipeline.errors import BrokenInvariant, OperatingError, UserError

WINDOW_MS = 1_000


def entries(*rows: tuple[int, int, int, bool]) -> Entries:
    """Return entries of (id, body, arrival, quarantined)."""
    return Entries(
        ids=np.array([row[0] for row in rows], dtype=np.uint64),
        bodies=np.array([row[1] for row in rows], dtype=np.uint64),
        arrival_ms=np.array([row[2] for row in rows], dtype=np.int64),
        quarantined=np.array([row[3] for row in rows], dtype=np.bool_),
    )


def encode_ids(unsorted: Entries) -> bytes:
    return runs.encode_ids(unsorted.take(np.argsort(unsorted.ids)))


def many(count: int, *, seed: int = 0, arrival_ms: int = 0) -> Entries:
    words = np.random.default_rng(seed).integers(0, 2**64, (2, count), dtype=np.uint64)
    return Entries(
        ids=words[0],
        bodies=words[1],
        arrival_ms=np.full(count, arrival_ms, dtype=np.int64),
        quarantined=np.zeros(count, dtype=np.bool_),
    )


def verdicts(events: Entries, seen: SeenIds, replayed: bool = False) -> list[int]:
    marks = np.full(len(events.ids), replayed, dtype=np.bool_)
    by_id = np.argsort(events.ids)
    return judge(events, replayed=marks, by_id=by_id, seen=seen).tolist()


def test_a_copy_is_found_with_its_body_time_and_disposition():
    seen = SeenIds.empty(window_ms=WINDOW_MS).with_ids(encode_ids(entries((7, 70, 5, True))))
    places, found = seen.find(np.array([3, 7, 9], dtype=np.uint64))
    assert places.tolist() == [1]
    assert (found.bodies[0], found.arrival_ms[0], found.quarantined[0]) == (70, 5, True)


def test_adding_leaves_the_set_that_it_was_added_to_as_it_was():
    empty = SeenIds.empty(window_ms=WINDOW_MS)
    one = empty.with_ids(encode_ids(many(10)))
    one.with_ids(encode_ids(many(10, seed=1)))
    assert (len(empty), len(one)) == (0, 10)


def test_no_new_id_is_an_empty_object_and_changes_nothing():
    seen = SeenIds.empty(window_ms=WINDOW_MS)
    assert encode_ids(entries()) == b""
    assert seen.with_ids(b"") is seen


@pytest.mark.parametrize("broken", [b"SLUICEI1", b"SLUICEI1" + bytes(25), b"x" * 32])
def test_an_object_of_another_make_breaks_an_invariant(broken):
    with pytest.raises(BrokenInvariant):
        SeenIds.empty(window_ms=WINDOW_MS).with_ids(broken)


def test_more_ids_than_the_bound_are_refused_with_what_to_do():
    seen = SeenIds.empty(window_ms=WINDOW_MS, ids_max=15).with_ids(encode_ids(many(10)))
    with pytest.raises(OperatingError, match="shorten the window") as error:
        seen.with_ids(encode_ids(many(10, seed=1)))
    assert not error.value.retryable


def test_ids_past_the_window_make_room():
    seen = SeenIds.empty(window_ms=WINDOW_MS, ids_max=15).with_ids(encode_ids(many(10)))
    seen = seen.with_ids(encode_ids(many(10, seed=1, arrival_ms=10_000_000)))
    assert len(seen) == 10


def test_an_id_costs_24_bytes_and_a_commit_copies_few_of_them():
    seen = SeenIds.empty(window_ms=WINDOW_MS)
    copied = 0
    for commit in range(64):
        ids = encode_ids(many(1_000, seed=commit))
        assert len(ids) <= 24 * 1_000
        before = {id(run) for run in seen.runs}
        seen = seen.with_ids(ids)
        copied += sum(len(run) for run in seen.runs if id(run) not in before)
    assert len(seen) == 64_000
    assert copied < 64_000 * 6
    assert len(seen.runs) <= 6


def test_every_id_is_found_whatever_the_runs():
    commits = [many(100 * (1 + n % 5), seed=n) for n in range(30)]
    seen = SeenIds.empty(window_ms=WINDOW_MS)
    for commit in commits:
        seen = seen.with_ids(encode_ids(commit))
    for commit in commits:
        assert verdicts(commit, seen) == [Verdict.DUPLICATE] * len(commit.ids)
    assert verdicts(many(100, seed=99), seen) == [Verdict.NEW] * 100


def test_a_copy_past_the_window_is_stored_again_warm_as_cold():
    seen = SeenIds.empty(window_ms=WINDOW_MS).with_ids(encode_ids(entries((7, 70, 100, False))))
    assert verdicts(entries((7, 70, 100 + WINDOW_MS, False)), seen) == [Verdict.DUPLICATE]
    assert verdicts(entries((7, 70, 101 + WINDOW_MS, False)), seen) == [Verdict.NEW]


def test_within_a_batch_the_window_is_the_same():
    late = 101 + WINDOW_MS
    batch = entries((7, 70, 100, False), (7, 70, late, False), (7, 70, late + 1, False))
    assert verdicts(batch, SeenIds.empty(window_ms=WINDOW_MS)) == [0, 0, Verdict.DUPLICATE]


def test_arrival_times_survive_merges_of_commits_that_began_at_different_times():
    seen = SeenIds.empty(window_ms=10_000)
    for number in range(40):
        event = (number, number, 1_795_000_000_000 - 7 * number, number % 2 == 0)
        seen = seen.with_ids(encode_ids(entries(event)))
    places, found = seen.find(np.arange(40, dtype=np.uint64))
    order = np.argsort(places)
    assert found.arrival_ms[order].tolist() == [1_795_000_000_000 - 7 * n for n in range(40)]
    assert found.quarantined[order].tolist() == [n % 2 == 0 for n in range(40)]
    assert found.bodies[order].tolist() == list(range(40))


def test_a_commit_may_span_more_time_than_a_run_tells_apart():
    day_ms = 86_400_000
    batch = entries((1, 1, 0, False), (2, 2, 90 * day_ms, True), (3, 3, 89 * day_ms, False))
    seen = SeenIds.empty(window_ms=day_ms).with_ids(encode_ids(batch))
    copies = [(n, n, 90 * day_ms, False) for n in (1, 2, 3)]
    assert verdicts(entries(*copies), seen) == [0, Verdict.DUPLICATE, Verdict.DUPLICATE]


@pytest.mark.parametrize("window_ms", [-1, 30 * 86_400_000])
def test_a_window_that_cannot_be_kept_is_refused(window_ms):
    with pytest.raises(UserError, match="choose 0 to"):
        SeenIds.empty(window_ms=window_ms)


def test_an_id_in_quarantine_holds_off_all_but_a_replay():
    seen = SeenIds.empty(window_ms=WINDOW_MS).with_ids(encode_ids(entries((7, 70, 0, True))))
    other, same = entries((7, 71, 1, False)), entries((7, 70, 1, False))
    assert verdicts(other, seen) == [Verdict.CONFLICT]
    assert verdicts(same, seen) == [Verdict.DUPLICATE]
    assert verdicts(other, seen, replayed=True) == [Verdict.NEW]
    assert verdicts(same, seen, replayed=True) == [Verdict.NEW]


def test_a_stored_id_holds_off_a_replay_too():
    seen = SeenIds.empty(window_ms=WINDOW_MS).with_ids(encode_ids(entries((7, 70, 0, False))))
    assert verdicts(entries((7, 70, 1, False)), seen, replayed=True) == [Verdict.DUPLICATE]
    assert verdicts(entries((7, 71, 1, False)), seen, replayed=True) == [Verdict.CONFLICT]


def test_an_invalid_event_keeps_its_own_reason_and_its_copy_is_dropped():
    seen = SeenIds.empty(window_ms=WINDOW_MS).with_ids(encode_ids(entries((7, 70, 0, False))))
    assert verdicts(entries((7, 71, 1, True), (7, 71, 2, True)), seen) == [0, Verdict.DUPLICATE]


ROW = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4_000), st.booleans())


@given(st.lists(st.tuples(ROW, st.booleans()), max_size=40), st.lists(st.integers(0, 40)))
def test_verdicts_follow_the_rule_wherever_commits_end(rows, cuts):
    """The rule as written, event by event, against commits of any size, warm and rebuilt."""
    known: list[tuple[int, int, int, bool]] = []
    expected = []
    for (event_id, body, at, bad), replay in rows:
        counting = [
            e
            for e in known
            if e[0] == event_id and e[2] >= at - WINDOW_MS and not (replay and e[3])
        ]
        if any(e[1] == body for e in counting):
            expected.append(Verdict.DUPLICATE)
            continue
        conflict = bool(counting) and not bad
        expected.append(Verdict.CONFLICT if conflict else Verdict.NEW)
        known.append((event_id, body, at, bad or conflict))
    warm, objects, got = SeenIds.empty(window_ms=WINDOW_MS), [], []
    bounds = sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})
    for first, after in itertools.pairwise(bounds):
        part = rows[first:after]
        events = entries(*(row for row, _ in part))
        replayed = np.array([replay for _, replay in part], dtype=np.bool_)
        cold = SeenIds.empty(window_ms=WINDOW_MS)
        for each in reversed(objects):
            cold = cold.with_ids(each)
        given = {"replayed": replayed, "by_id": np.argsort(events.ids)}
        result = judge(events, **given, seen=warm)
        assert result.tolist() == judge(events, **given, seen=cold).tolist()
        got += result.tolist()
        new = result != Verdict.DUPLICATE
        learned = Entries(
            ids=events.ids[new],
            bodies=events.bodies[new],
            arrival_ms=events.arrival_ms[new],
            quarantined=(events.quarantined | (result == Verdict.CONFLICT))[new],
        )
        objects.append(encode_ids(learned))
        warm = warm.with_ids(objects[-1])
    assert got == expected

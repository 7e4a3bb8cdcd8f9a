"""What was accepted balances with what is found, commit by commit, and a hole shows."""

from dataclasses import replace

import pytest

from pipeline.audit.conservation import Balance, balance, covered, events_in
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Counts
from pipeline.ledger.state import Commit, StagedFile


def commit(first: int, last: int, *, rows: int, duplicates: int = 0, **reasons: int) -> Commit:
    received = rows + duplicates
    return Commit(
        shard=ShardId("s"),
        first=Position(first),
        last=Position(last),
        token="t",
        files=(
            StagedFile(
                table="t", staged_key=f"s{first}", final_key=f"f{first}", sha256="", rows=rows
            ),
        ),
        ids_key=None,
        counts=Counts(
            received=received,
            stored=rows,
            duplicates=duplicates,
            quarantined_by_reason=reasons,
        ),
        arrival_ms_max=0,
        committed_ms=0,
    )


COMMITS = (commit(1, 3, rows=3), commit(4, 6, rows=2, duplicates=1), commit(7, 9, rows=3))
ACCEPTED = {Position(position): 1 for position in range(2, 9)}
ROWS = {"f1": 3, "f4": 2, "f7": 3}


def judged(commits: tuple[Commit, ...] = COMMITS, rows: dict[str, int] = ROWS) -> Balance:
    return balance(ACCEPTED, commits, rows, checked=covered(ACCEPTED, commits))


def test_only_commits_that_were_read_in_whole_are_balanced() -> None:
    assert covered(ACCEPTED, COMMITS) == (COMMITS[1],)
    assert judged() == Balance(accepted=3, gap=0)
    assert covered({}, COMMITS) == ()


@pytest.mark.parametrize(("found", "gap"), [(2, 0), (1, 1), (0, 2), (3, 1)])
def test_a_row_too_few_or_too_many_is_the_gap(found: int, gap: int) -> None:
    assert judged(rows={**ROWS, "f4": found}).gap == gap


def test_a_record_between_two_commits_is_missing() -> None:
    assert judged((COMMITS[0], COMMITS[2])).gap == 3


def test_a_record_that_was_never_decoded_counts_as_the_commit_counted_it() -> None:
    masked = commit(4, 6, rows=1, masked=1)
    assert judged((COMMITS[0], masked, COMMITS[2]), {**ROWS, "f4": 1}).gap == 0


def test_events_are_counted_as_the_core_counts_them() -> None:
    record = Record(
        position=Position(1), partition_key="k", arrival_ms=1, data=b'{"a":1}\nnot json\n{}'
    )
    assert events_in(record) == 3
    assert events_in(replace(record, data=b"\x1f\x8bbroken")) == 1


def test_a_loss_here_and_a_row_too_many_there_do_not_cancel_out() -> None:
    everything = {Position(position): 1 for position in range(1, 10)}
    wrong = {"f1": 2, "f4": 3, "f7": 3}
    assert balance(everything, COMMITS, wrong, checked=COMMITS) == Balance(accepted=9, gap=2)

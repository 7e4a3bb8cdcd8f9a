"""The parts of a drill, by themselves: waiting, the page, changed packages, the verb's refusals."""

import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from pipeline.errors import BrokenInvariant, UserError
from sluice import drill as verb
from sluice import stack as stacks
from sluice.drills.catalogue import find
from sluice.drills.drill import Outcome
from sluice.drills.packages import Change, changed_package
from sluice.drills.page import merged, page, read, row_of
from sluice.drills.waiting import NotKept, until
from sluice.stack import Stack

OUTCOME = Outcome(
    id="bad-deploy",
    stream="kinesis",
    fault="a version fails",
    detected_by="function-errors",
    by_design="",
    detected_seconds=9.04,
    recovered_seconds=30.0,
    minute_seconds=2.0,
    runbook="function-errors: A bad deploy",
    validity="valid",
    sent=12_000,
    stored=11_990,
    quarantined=10,
    lost=0,
    duplicated=0,
    altered=0,
    out_of_order=0,
)
MOVED = replace(OUTCOME, reorders="a backfill comes late", out_of_order=345)
SILENT = replace(
    OUTCOME,
    id="zombie",
    stream="kafka",
    fault="a late commit",
    detected_by="",
    by_design="the fence refuses it",
    detected_seconds=None,
    recovered_seconds=None,
    runbook="",
    sent=3,
)


def test_waiting_ends_with_what_was_waited_for() -> None:
    looks = iter([0, 0, 1])
    until(lambda: next(looks), seconds_max=10, what="the third look")
    with pytest.raises(NotKept, match="not within 0 s: the moon"):
        until(lambda: False, seconds_max=0, what="the moon")


def test_the_page_tells_each_drill_in_a_row_and_how_fast_time_went() -> None:
    text = page([row_of(OUTCOME), row_of(SILENT)], minute_seconds=2)
    assert [row.key for row in read(text)] == [("bad-deploy", "kinesis"), ("zombie", "kafka")]
    assert (
        "| `bad-deploy` | kinesis | a version fails | function-errors | 9.0 s | 30.0 s "
        "| [function-errors](../runbooks/function-errors.md), A bad deploy "
        "| 12,000 | 10 | 0 | 0 | 0 |" in text
    )
    assert "| `zombie` | kafka | a late commit | none, by design |  |  |  | 3 |" in text
    assert "took 2 s,\n30 times less" in text
    assert "- `zombie` on kafka: the fence refuses it" in text


def test_what_was_reordered_by_design_is_told_with_its_reason() -> None:
    text = page([row_of(MOVED), row_of(SILENT)], minute_seconds=2)
    assert "- `bad-deploy` on kinesis: 345 events, for a backfill comes late" in text


def test_what_was_lost_is_told_above_the_table() -> None:
    rows = [row_of(OUTCOME), row_of(replace(SILENT, lost=2, altered=1))]
    text = page(rows, minute_seconds=2)
    assert "2 kinds of fault, 12,003 events: 2 lost, 0 duplicated, 1\naltered" in text


def test_rows_that_were_not_run_again_stay_as_they_were() -> None:
    keys = [("bad-deploy", "kinesis"), ("bad-deploy", "kafka"), ("zombie", "kafka")]
    text = page([row_of(MOVED), row_of(SILENT)], minute_seconds=2)
    assert page(read(text), minute_seconds=2) == text
    new = replace(OUTCOME, stream="kafka", sent=5)
    more = merged(text, [new, replace(SILENT, sent=7)], keys, minute=2)
    assert [row.key for row in read(more)] == keys
    assert read(more)[0] == row_of(MOVED)
    assert [row.count("events") for row in read(more)] == [12_000, 5, 7]
    assert "2 kinds of fault, 12,012 events" in more
    assert [row.key for row in read(merged(text, [new], keys[1:], minute=2))] == keys[1:]


def test_times_of_other_minutes_are_not_put_beside_one_another() -> None:
    text = page([row_of(OUTCOME), row_of(SILENT)], minute_seconds=2)
    with pytest.raises(UserError, match=r"minutes of 2 s.*--minute-seconds 2"):
        merged(text, [OUTCOME], [], minute=4)


def test_a_changed_package_differs_in_the_one_place(tmp_path: Path) -> None:
    change = Change(file="pipeline/metrics.py", old='"EventsStored"', new='"EventsKept"')
    package = changed_package(tmp_path, (change,))
    with ZipFile(package) as opened:
        assert '"EventsKept"' in opened.read("pipeline/metrics.py").decode()
    assert changed_package(tmp_path, (change,)) == package


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(file="pipeline/metrics.py", old="no such text", new=""), "has not one"),
        (Change(file="pipeline/no_such.py", old="a", new="b"), "the package has no"),
    ],
)
def test_a_change_that_the_code_has_outgrown_is_a_defect_of_the_drill(
    tmp_path: Path, change: Change, says: str
) -> None:
    with pytest.raises(BrokenInvariant, match=says):
        changed_package(tmp_path, (change,))


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    """A stack as `find` would return one that is on AWS."""
    stack = Stack(name="prod", folder=tmp_path, outputs={}, endpoint=None)
    monkeypatch.setattr(stacks, "find", lambda _home, _name: stack)
    return stack


def test_a_stack_on_aws_is_never_touched_unless_it_is_named_for_that(
    on_aws: Stack, tmp_path: Path
) -> None:
    drills = [find("split-and-merge")]
    with pytest.raises(UserError, match=r"not local.*--on-aws prod"):
        verb.where(tmp_path, "prod", None, drills=drills, minute=2)
    rigs = verb.where(tmp_path, None, "prod", drills=drills, minute=2)
    assert rigs.only is not None
    assert rigs.only.stack is on_aws
    assert rigs.only.minute_seconds == 60


@pytest.mark.usefixtures("on_aws")
def test_what_only_the_local_aws_can_break_is_refused_elsewhere(tmp_path: Path) -> None:
    drills = [find("split-and-merge"), find("disk-full")]
    with pytest.raises(UserError, match="only on the local AWS can this be broken: disk-full"):
        verb.where(tmp_path, None, "prod", drills=drills, minute=2)


def test_two_kinds_of_stacks_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not both"):
        verb.where(tmp_path, "a", "b", drills=[], minute=2)


def test_an_outcome_is_json() -> None:
    assert json.loads(json.dumps(OUTCOME.to_json()))["detected_seconds"] == 9.04
